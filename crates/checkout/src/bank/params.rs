//! Form-encoded parameters with names like `line_items[0][price_data][currency]`, as a tree that is taken apart name by name: what
//! is left in the end is what nobody knows.

use super::error::Declined;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const PAIRS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 6;
const NAME_CHARS_MAX: usize = 200;
const METADATA_KEYS_MAX: usize = 50;
const METADATA_KEY_CHARS_MAX: usize = 40;
const METADATA_VALUE_CHARS_MAX: usize = 500;

/// Text, or named parts. A list's parts are named by numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Param {
    Text(String),
    Parts(BTreeMap<String, Param>),
}

/// The parameters of a request, or of a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params {
    /// The name of the part.
    of: String,
    parts: BTreeMap<String, Param>,
}

impl Params {
    pub(super) fn parse(text: &[u8]) -> Result<Params, Declined> {
        let mut params = Params::default();
        for (at, (name, value)) in form_urlencoded::parse(text).enumerate() {
            if at == PAIRS_MAX {
                let message = format!("There are more than {PAIRS_MAX} parameters.");
                return Err(Declined::invalid(message));
            }
            let path = path(&name)?;
            if !put(&mut params.parts, &path, value.into_owned()) {
                let message = format!("Invalid parameter: {name} is given more than once.");
                return Err(Declined::invalid_param(
                    "parameter_invalid_empty",
                    name,
                    message,
                ));
            }
        }
        Ok(params)
    }

    /// Equal for equal parameters, in whatever order they came.
    pub(super) fn digest(&self) -> [u8; 32] {
        fn add(hash: &mut Sha256, parts: &BTreeMap<String, Param>) {
            for (name, param) in parts {
                hash.update((name.len() as u64).to_be_bytes());
                hash.update(name);
                match param {
                    Param::Text(text) => {
                        hash.update(b"=");
                        hash.update((text.len() as u64).to_be_bytes());
                        hash.update(text);
                    }
                    Param::Parts(parts) => {
                        hash.update(b"[");
                        add(hash, parts);
                        hash.update(b"]");
                    }
                }
            }
        }
        let mut hash = Sha256::new();
        add(&mut hash, &self.parts);
        hash.finalize().into()
    }

    fn name(&self, name: &str) -> String {
        match self.of.is_empty() {
            true => name.to_owned(),
            false => format!("{}[{name}]", self.of),
        }
    }

    /// A text of at most so many characters. An empty one is none.
    pub(super) fn text(
        &mut self,
        name: &str,
        chars_max: usize,
    ) -> Result<Option<String>, Declined> {
        let text = match self.parts.remove(name) {
            None => return Ok(None),
            Some(Param::Text(text)) => text,
            Some(Param::Parts(_)) => return Err(self.not(name, "a string")),
        };
        if text.chars().count() > chars_max {
            let message = format!("{} is longer than {chars_max} characters.", self.name(name));
            return Err(Declined::invalid_param(
                "parameter_invalid_string_too_long",
                self.name(name),
                message,
            ));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    pub(super) fn required_text(
        &mut self,
        name: &str,
        chars_max: usize,
    ) -> Result<String, Declined> {
        let text = self.text(name, chars_max)?;
        text.ok_or_else(|| Declined::missing_param(self.name(name)))
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Declined> {
        let Some(text) = self.text(name, 40)? else {
            return Ok(None);
        };
        let parsed = text.parse().map_err(|_| {
            let message = format!("Invalid integer: {text}");
            Declined::invalid_param("parameter_invalid_integer", self.name(name), message)
        });
        parsed.map(Some)
    }

    pub(super) fn required_integer(&mut self, name: &str) -> Result<i64, Declined> {
        let integer = self.integer(name)?;
        integer.ok_or_else(|| Declined::missing_param(self.name(name)))
    }

    /// A part with names of its own.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Params>, Declined> {
        match self.parts.remove(name) {
            None => Ok(None),
            Some(Param::Text(text)) if text.is_empty() => Ok(None),
            Some(Param::Parts(parts)) => Ok(Some(Params {
                of: self.name(name),
                parts,
            })),
            Some(Param::Text(_)) => Err(self.not(name, "an object")),
        }
    }

    /// The items of a list, each a part.
    pub(super) fn items(&mut self, name: &str) -> Result<Vec<Params>, Declined> {
        let Some(mut list) = self.part(name)? else {
            return Ok(Vec::new());
        };
        let names = list.places()?;
        let items = names.into_iter().map(|at| match list.part(&at)? {
            Some(item) => Ok(item),
            None => Err(list.not(&at, "an object")),
        });
        items.collect()
    }

    /// The items of a list, each a text.
    pub(super) fn texts(&mut self, name: &str, chars_max: usize) -> Result<Vec<String>, Declined> {
        let Some(mut list) = self.part(name)? else {
            return Ok(Vec::new());
        };
        let names = list.places()?;
        let texts = names
            .into_iter()
            .map(|at| list.required_text(&at, chars_max));
        texts.collect()
    }

    /// The places of a list, in their order.
    fn places(&self) -> Result<Vec<String>, Declined> {
        let numbers: Result<Vec<u32>, _> = self.parts.keys().map(|name| name.parse()).collect();
        let Ok(mut numbers) = numbers else {
            let message = format!("Invalid array: {}", self.of);
            return Err(Declined::invalid_param(
                "parameter_invalid_empty",
                self.of.clone(),
                message,
            ));
        };
        numbers.sort_unstable();
        Ok(numbers
            .into_iter()
            .map(|number| number.to_string())
            .collect())
    }

    /// Names and values of the caller's own.
    pub(super) fn metadata(&mut self) -> Result<BTreeMap<String, String>, Declined> {
        let Some(mut given) = self.part("metadata")? else {
            return Ok(BTreeMap::new());
        };
        let names: Vec<String> = given.parts.keys().cloned().collect();
        let is_within = names.len() <= METADATA_KEYS_MAX
            && names
                .iter()
                .all(|name| name.chars().count() <= METADATA_KEY_CHARS_MAX);
        if !is_within {
            let message = format!(
                "Metadata has at most {METADATA_KEYS_MAX} keys of at most {METADATA_KEY_CHARS_MAX} characters."
            );
            return Err(Declined::invalid_param(
                "parameter_invalid_string_too_long",
                given.of,
                message,
            ));
        }
        let mut metadata = BTreeMap::new();
        for name in names {
            if let Some(value) = given.text(&name, METADATA_VALUE_CHARS_MAX)? {
                metadata.insert(name, value);
            }
        }
        Ok(metadata)
    }

    /// Takes a parameter that changes nothing here.
    pub(super) fn ignore(&mut self, name: &str) {
        self.parts.remove(name);
    }

    /// Whether nothing is left that nobody asked for.
    pub(super) fn finish(self) -> Result<(), Declined> {
        match self.parts.keys().next() {
            None => Ok(()),
            Some(name) => Err(Declined::unknown_param(self.name(name))),
        }
    }

    fn not(&self, name: &str, kind: &str) -> Declined {
        let name = self.name(name);
        let message = format!("Invalid parameter: {name} has to be {kind}.");
        Declined::invalid_param("parameter_invalid_empty", name, message)
    }
}

/// `a[b][0]` as its parts. An empty part is the next place of a list.
fn path(name: &str) -> Result<Vec<&str>, Declined> {
    let malformed = || {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        Declined::invalid(format!("The parameter's name `{name}` can not be read."))
    };
    let (first, rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut path = vec![first];
    let mut rest = rest;
    while !rest.is_empty() {
        let inside = rest.strip_prefix('[').ok_or_else(malformed)?;
        let (part, behind) = inside.split_once(']').ok_or_else(malformed)?;
        path.push(part);
        rest = behind;
    }
    let is_sound =
        !first.is_empty() && path.len() <= DEPTH_MAX && name.chars().count() <= NAME_CHARS_MAX;
    is_sound.then_some(path).ok_or_else(malformed)
}

/// False where something stands there already.
fn put(parts: &mut BTreeMap<String, Param>, path: &[&str], value: String) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let name = match first.is_empty() {
        true => parts.len().to_string(),
        false => (*first).to_owned(),
    };
    if rest.is_empty() {
        return match parts.contains_key(&name) {
            true => false,
            false => parts.insert(name, Param::Text(value)).is_none(),
        };
    }
    let part = parts.entry(name);
    match part.or_insert_with(|| Param::Parts(BTreeMap::new())) {
        Param::Parts(parts) => put(parts, rest, value),
        Param::Text(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_stands_in_brackets_is_a_part() {
        let text = b"a=1&l[1][n]=y&l[0][n]=x&e[]=p&e[]=q&metadata[k]=v%20w&metadata[gone]=";
        let mut params = Params::parse(text).unwrap();
        assert_eq!(params.integer("a"), Ok(Some(1)));
        let mut items = params.items("l").unwrap();
        assert_eq!(items[0].text("n", 9).unwrap().as_deref(), Some("x"));
        assert_eq!(items[1].text("n", 9).unwrap().as_deref(), Some("y"));
        assert_eq!(params.texts("e", 9).unwrap(), ["p", "q"]);
        let metadata = params.metadata().unwrap();
        assert_eq!(
            metadata,
            BTreeMap::from([("k".to_owned(), "v w".to_owned())])
        );
        assert_eq!(params.finish(), Ok(()));
    }

    #[test]
    fn what_nobody_asked_for_is_named_in_full() {
        let mut params = Params::parse(b"l[0][known]=1&l[0][other]=2").unwrap();
        let mut item = params.items("l").unwrap().remove(0);
        item.text("known", 9).unwrap();
        let declined = item.finish().unwrap_err();
        assert_eq!(declined.param.as_deref(), Some("l[0][other]"));
        assert_eq!(declined.code, Some("parameter_unknown"));
    }

    #[test]
    fn order_makes_no_difference_and_place_does() {
        let digest = |text: &str| Params::parse(text.as_bytes()).unwrap().digest();
        assert_eq!(digest("a=1&b[c]=2"), digest("b%5Bc%5D=2&a=1"));
        assert_ne!(digest("a=1&b[c]=2"), digest("a=1&b[d]=2"));
        assert_ne!(digest("a[b]=c"), digest("a=bc"));
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "[a]=1",
            "a[b=1",
            "a[b]c=1",
            "=1",
            "a=1&a=2",
            "a=1&a[b]=2",
            "a[b][c][d][e][f][g]=1",
        ] {
            assert!(Params::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let many = "a=1&".repeat(PAIRS_MAX + 1);
        assert!(Params::parse(many.as_bytes()).is_err());
        let mut params = Params::parse(b"n=x&t[a]=1&l[z]=1&long=12345").unwrap();
        assert!(params.integer("n").is_err());
        assert!(params.text("t", 9).is_err());
        assert!(params.texts("l", 9).is_err());
        assert!(params.text("long", 4).is_err());
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text: Vec<u8>) {
            let _ = Params::parse(&text);
        }

        #[test]
        fn nearly_right_ones_are_read_or_refused(text in r"([a\[\]0-9=&%]){0,60}") {
            if let Ok(mut params) = Params::parse(text.as_bytes()) {
                let _ = params.items("a");
                let _ = params.metadata();
                let _ = params.finish();
            }
        }
    }
}
