//! `expand`: ids in an answer are replaced by what they name.

use super::books::Books;
use super::error::Declined;
use super::render;
use serde_json::Value;

const DEPTH_MAX: usize = 4;
const PATHS_MAX: usize = 20;

/// Follows each path, such as `payment_intent.latest_charge`, in the answer.
pub(super) fn expand(
    answer: &mut Value,
    paths: &[String],
    books: &Books<'_>,
) -> Result<(), Declined> {
    if paths.len() > PATHS_MAX {
        let message = format!("At most {PATHS_MAX} properties can be expanded.");
        return Err(Declined::invalid_param(
            "parameter_invalid_empty",
            "expand",
            message,
        ));
    }
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        if names.len() > DEPTH_MAX {
            let message = format!("You cannot expand more than {DEPTH_MAX} levels of a property.");
            return Err(Declined::invalid_param(
                "property_expansion_max_depth",
                "expand",
                message,
            ));
        }
        follow(answer, &names, path, books)?;
    }
    Ok(())
}

fn follow(
    value: &mut Value,
    names: &[&str],
    path: &str,
    books: &Books<'_>,
) -> Result<(), Declined> {
    let Some((name, rest)) = names.split_first() else {
        return Ok(());
    };
    if value["object"] == "checkout.session" && *name == "line_items" {
        let id = value["id"].as_str().unwrap_or_default();
        value["line_items"] = render::line_items(&books.session(id)?.1);
        return Ok(());
    }
    let place = value.get_mut(*name).ok_or_else(|| cannot(path))?;
    if let Value::Array(items) = place {
        for item in items {
            follow(item, rest, path, books)?;
        }
        return Ok(());
    }
    if let Value::String(id) = place {
        *place = render::by_id(id, books)?.ok_or_else(|| cannot(path))?;
    }
    match place {
        Value::Null => Ok(()),
        Value::Object(_) => follow(place, rest, path, books),
        _ => Err(cannot(path)),
    }
}

fn cannot(path: &str) -> Declined {
    let path: String = path.chars().take(100).collect();
    Declined::invalid_param(
        "property_not_expandable",
        "expand",
        format!("This property cannot be expanded ({path})."),
    )
}
