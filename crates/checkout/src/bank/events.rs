//! Events: what has happened, as the API lists it, each put into the queue of webhooks when it is made.

use super::books::Books;
use super::deliveries::DeliveryKind;
use super::error::Declined;
use super::params::Params;
use super::render;
use super::state::new_id;
use rusqlite::types::Value as SqlValue;
use rusqlite::{OptionalExtension, params, params_from_iter};
use serde_json::{Value, json};

const LIMIT: i64 = 10;
const LIMIT_MAX: i64 = 100;
const KINDS_MAX: usize = 20;
const ID_CHARS_MAX: usize = 255;

impl Books<'_> {
    /// Tells that something happened.
    pub(super) fn emit(&self, kind: &str, object: &Value) -> Result<(), Declined> {
        let id = new_id("evt_1", 23);
        let event = render::event(&id, kind, object, self);
        let query = "INSERT INTO event (id, kind, created_s, body) VALUES (?1, ?2, ?3, ?4)";
        let values = params![id, kind, self.now_s(), event.to_string()];
        self.tx.prepare_cached(query)?.execute(values)?;
        self.queue(self.tx.last_insert_rowid(), &event)
    }

    fn queue(&self, number: i64, event: &Value) -> Result<(), Declined> {
        let faults = &self.misbehaviour;
        if faults.strikes("drop", number) {
            return self.queue_one(number, DeliveryKind::Genuine, None, true);
        }
        self.queue_one(number, DeliveryKind::Genuine, None, false)?;
        if faults.strikes("duplicates", number) {
            self.queue_one(number, DeliveryKind::Duplicate, None, false)?;
        }
        if faults.strikes("stale_signature", number) {
            self.queue_one(number, DeliveryKind::Stale, None, false)?;
        }
        if faults.strikes("forge_signature", number) {
            let forged = forged(event).to_string();
            self.queue_one(number, DeliveryKind::Forged, Some(&forged), false)?;
        }
        Ok(())
    }

    fn queue_one(
        &self,
        event: i64,
        kind: DeliveryKind,
        body: Option<&str>,
        is_dropped: bool,
    ) -> Result<(), Declined> {
        let state = if is_dropped { "dropped" } else { "pending" };
        let due_at_ms = self.now.plus(self.misbehaviour.delay_ms_of(event)).0;
        let is_held = self.misbehaviour.strikes("reorder", event) && kind == DeliveryKind::Genuine;
        let held_until_ms = is_held.then(|| {
            self.now
                .plus(super::misbehaviour::Misbehaviour::REORDER_MS_MAX)
                .0
        });
        let query = "INSERT INTO delivery (event, kind, body, state, created_at_ms, due_at_ms, held_until_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![
            event,
            kind.as_str(),
            body,
            state,
            self.now.0,
            due_at_ms,
            held_until_ms
        ];
        self.tx.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    pub(super) fn event(&self, id: &str) -> Result<Value, Declined> {
        let query = "SELECT body FROM event WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let found = self
            .tx
            .prepare_cached(query)?
            .query_row([id], read)
            .optional()?;
        let body = found.ok_or_else(|| Declined::not_found("event", "id", id))?;
        Ok(serde_json::from_str(&body)?)
    }

    /// A page of events, the newest first.
    pub(super) fn events(&self, params: &mut Params) -> Result<Value, Declined> {
        let limit = params.integer("limit")?.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let message =
                format!("This value must be from 1 to {LIMIT_MAX} (it currently is '{limit}').");
            return Err(Declined::invalid_param(
                "parameter_invalid_integer",
                "limit",
                message,
            ));
        }
        let after = self.cursor(params, "starting_after")?;
        let before = self.cursor(params, "ending_before")?;
        if after.is_some() && before.is_some() {
            let message =
                "You may only specify one of these parameters: ending_before, starting_after.";
            return Err(Declined::invalid(message));
        }
        let mut filter = Filter::default();
        filter.kinds(params)?;
        filter.created(params)?;
        if let Some(seq) = after {
            filter.add("seq < ?", [seq.into()]);
        }
        if let Some(seq) = before {
            filter.add("seq > ?", [seq.into()]);
        }
        let order = if before.is_some() { "ASC" } else { "DESC" };
        let query = format!(
            "SELECT body FROM event WHERE {} ORDER BY seq {order} LIMIT {}",
            filter.condition(),
            limit + 1
        );
        let mut statement = self.tx.prepare(&query)?;
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let bodies = statement.query_map(params_from_iter(filter.values), read)?;
        let mut bodies: Vec<String> = bodies.collect::<Result<_, _>>()?;
        let limit = usize::try_from(limit).unwrap_or_default();
        let has_more = bodies.len() > limit;
        bodies.truncate(limit);
        if before.is_some() {
            bodies.reverse();
        }
        let events: Result<Vec<Value>, _> = bodies
            .iter()
            .map(|body| serde_json::from_str(body))
            .collect();
        Ok(render::list(events?, has_more, "/v1/events"))
    }

    fn cursor(&self, params: &mut Params, name: &str) -> Result<Option<i64>, Declined> {
        let Some(id) = params.text(name, ID_CHARS_MAX)? else {
            return Ok(None);
        };
        let query = "SELECT seq FROM event WHERE id = ?1";
        let found = self
            .tx
            .prepare_cached(query)?
            .query_row([&id], |row| row.get(0))
            .optional()?;
        match found {
            Some(seq) => Ok(Some(seq)),
            None => {
                let message = format!("No such event: '{id}'");
                Err(Declined::invalid_param("resource_missing", name, message))
            }
        }
    }
}

/// Conditions that all have to hold.
#[derive(Default)]
struct Filter {
    conditions: Vec<String>,
    values: Vec<SqlValue>,
}

impl Filter {
    fn add(&mut self, condition: impl Into<String>, values: impl IntoIterator<Item = SqlValue>) {
        self.conditions.push(condition.into());
        self.values.extend(values);
    }

    fn condition(&self) -> String {
        match self.conditions.is_empty() {
            true => "true".to_owned(),
            false => self.conditions.join(" AND "),
        }
    }

    fn kinds(&mut self, params: &mut Params) -> Result<(), Declined> {
        let kind = params.text("type", ID_CHARS_MAX)?;
        let kinds = params.texts("types", ID_CHARS_MAX)?;
        if kind.is_some() && !kinds.is_empty() {
            let message = "You may only specify one of these parameters: type, types.";
            return Err(Declined::invalid(message));
        }
        if kinds.len() > KINDS_MAX {
            let message = format!("`types` takes at most {KINDS_MAX}.");
            return Err(Declined::invalid_param(
                "parameter_invalid_empty",
                "types",
                message,
            ));
        }
        if let Some(kind) = kind {
            // `charge.*` is all of that family.
            match kind.strip_suffix('*') {
                Some(family) => self.add(
                    "substr(kind, 1, length(?)) = ?",
                    [family.to_owned().into(), family.to_owned().into()],
                ),
                None => self.add("kind = ?", [kind.into()]),
            }
        } else if !kinds.is_empty() {
            let places = vec!["?"; kinds.len()].join(", ");
            self.add(
                format!("kind IN ({places})"),
                kinds.into_iter().map(SqlValue::from),
            );
        }
        Ok(())
    }

    fn created(&mut self, params: &mut Params) -> Result<(), Declined> {
        if let Ok(Some(at)) = params.clone().integer("created") {
            params.ignore("created");
            self.add("created_s = ?", [at.into()]);
            return Ok(());
        }
        let Some(mut created) = params.part("created")? else {
            return Ok(());
        };
        for (name, sign) in [("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")] {
            if let Some(at) = created.integer(name)? {
                self.add(format!("created_s {sign} ?"), [at.into()]);
            }
        }
        created.finish()
    }
}

/// Another event that claims more than there is.
fn forged(event: &Value) -> Value {
    let mut forged = event.clone();
    forged["id"] = json!(new_id("evt_1", 23));
    let object = &mut forged["data"]["object"];
    for name in ["amount_total", "amount", "amount_received"] {
        if let Some(amount) = object[name].as_i64() {
            object[name] = json!(amount.saturating_mul(100));
        }
    }
    if !object["payment_status"].is_null() {
        object["payment_status"] = json!("paid");
        object["status"] = json!("complete");
        forged["type"] = json!("checkout.session.completed");
    }
    forged
}
