//! What requests of the API ask for, read parameter by parameter.

use crate::bank::books::Books;
use crate::bank::error::Declined;
use crate::bank::params::Params;
use crate::bank::render;
use crate::bank::state::{Item, Session, SessionStatus, new_id};
use serde_json::Value;

const TEXT_CHARS_MAX: usize = 5_000;
const REFERENCE_CHARS_MAX: usize = 200;
const ID_CHARS_MAX: usize = 255;
const ITEMS_MAX: usize = 100;
const AMOUNT_MIN: i64 = 50;
const AMOUNT_MAX: i64 = 99_999_999;
const OPEN_S_MIN: i64 = 30 * 60;
const OPEN_S_MAX: i64 = 24 * 60 * 60;
/// A caller's clock and this one are not read at the same time.
const OPEN_S_SLACK: i64 = 60;

/// Parameters of a session that change nothing here.
const OF_NO_EFFECT: &[&str] = &[
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "custom_text",
    "customer_creation",
    "locale",
    "payment_method_types",
    "submit_type",
];

pub(super) fn session(books: &Books<'_>, id: &str) -> Result<Value, Declined> {
    let (_, mut session) = books.session(id)?;
    books.expire_if_due(&mut session)?;
    Ok(render::session(&session, books.base_url))
}

/// The newest sessions, or those of a payment.
pub(super) fn sessions(books: &Books<'_>, params: &mut Params) -> Result<Value, Declined> {
    let limit = params.integer("limit")?.unwrap_or(10);
    if !(1..=100).contains(&limit) {
        let message = format!("This value must be from 1 to 100 (it currently is '{limit}').");
        return Err(Declined::invalid_param(
            "parameter_invalid_integer",
            "limit",
            message,
        ));
    }
    let payment = params.text("payment_intent", ID_CHARS_MAX)?;
    let query = "SELECT seq, state FROM session WHERE ?1 IS NULL OR payment_intent = ?1 ORDER BY seq DESC LIMIT ?2";
    let mut found: Vec<Session> = books.load_all(query, rusqlite::params![payment, limit + 1])?;
    let limit = usize::try_from(limit).unwrap_or_default();
    let has_more = found.len() > limit;
    found.truncate(limit);
    let sessions = found
        .iter()
        .map(|session| render::session(session, books.base_url));
    Ok(render::list(
        sessions.collect(),
        has_more,
        "/v1/checkout/sessions",
    ))
}

pub(super) fn create_session(books: &Books<'_>, mut params: Params) -> Result<Value, Declined> {
    let mode = params.required_text("mode", TEXT_CHARS_MAX)?;
    if mode != "payment" {
        let message = "The test bank knows sessions of mode `payment` alone.";
        return Err(Declined::invalid_param(
            "parameter_invalid_empty",
            "mode",
            message,
        ));
    }
    if let Some(mode) = params
        .text("ui_mode", TEXT_CHARS_MAX)?
        .filter(|mode| mode != "hosted")
    {
        let message = format!("The test bank knows the ui_mode `hosted` alone, not `{mode}`.");
        return Err(Declined::invalid_param(
            "parameter_invalid_empty",
            "ui_mode",
            message,
        ));
    }
    let (currency, items) = items(&mut params)?;
    let amount = total(&items)?;
    let id = new_id("cs_test_a1", 56);
    let session = Session {
        created_s: books.now_s(),
        expires_at_s: expires_at(books, &mut params)?,
        status: SessionStatus::Open,
        is_paid: false,
        amount,
        currency,
        items,
        client_reference_id: params.text("client_reference_id", REFERENCE_CHARS_MAX)?,
        customer_email: params.text("customer_email", REFERENCE_CHARS_MAX)?,
        metadata: params.metadata()?,
        payment_metadata: payment_metadata(&mut params)?,
        success_url: {
            let url = params.text("success_url", TEXT_CHARS_MAX)?;
            let url = url.ok_or_else(|| Declined::missing_param("success_url"))?;
            checked_url(url, "success_url", &id)?
        },
        cancel_url: match params.text("cancel_url", TEXT_CHARS_MAX)? {
            Some(url) => Some(checked_url(url, "cancel_url", &id)?),
            None => None,
        },
        payment_intent: None,
        id,
    };
    for name in OF_NO_EFFECT {
        params.ignore(name);
    }
    params.finish()?;
    books.add_session(&session)?;
    Ok(render::session(&session, books.base_url))
}

fn items(params: &mut Params) -> Result<(String, Vec<Item>), Declined> {
    let given = params.items("line_items")?;
    if given.is_empty() {
        return Err(Declined::missing_param("line_items"));
    }
    if given.len() > ITEMS_MAX {
        let message = format!("There are at most {ITEMS_MAX} line items.");
        return Err(Declined::invalid_param(
            "parameter_invalid_empty",
            "line_items",
            message,
        ));
    }
    let mut currency = None;
    let mut items = Vec::new();
    for params in given {
        let (of_item, item) = item(params)?;
        if currency.get_or_insert_with(|| of_item.clone()) != &of_item {
            let message = "All line items have to be in one currency.";
            return Err(Declined::invalid_param(
                "parameter_invalid_empty",
                "line_items",
                message,
            ));
        }
        items.push(item);
    }
    Ok((currency.unwrap_or_default(), items))
}

fn item(mut params: Params) -> Result<(String, Item), Declined> {
    let quantity = params.integer("quantity")?.unwrap_or(1);
    let mut price = params.part("price_data")?.ok_or_else(|| {
        let message = "The test bank keeps no prices: each line item needs its `price_data`.";
        Declined::invalid_param("parameter_missing", "line_items", message)
    })?;
    let currency = price.required_text("currency", ID_CHARS_MAX)?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let message = format!("Invalid currency: {currency}.");
        return Err(Declined::invalid_param(
            "parameter_invalid_empty",
            "currency",
            message,
        ));
    }
    let unit_amount = price.required_integer("unit_amount")?;
    if unit_amount < 0 || quantity < 1 {
        let message = "An item's `unit_amount` is at least 0, its `quantity` at least 1.";
        return Err(Declined::invalid_param(
            "parameter_invalid_integer",
            "line_items",
            message,
        ));
    }
    let mut product = price
        .part("product_data")?
        .ok_or_else(|| Declined::missing_param("line_items[0][price_data][product_data]"))?;
    let item = Item {
        id: new_id("li_1", 23),
        name: product.required_text("name", TEXT_CHARS_MAX)?,
        description: product.text("description", TEXT_CHARS_MAX)?,
        unit_amount,
        quantity,
    };
    for name in ["images", "metadata", "tax_code"] {
        product.ignore(name);
    }
    product.finish()?;
    price.finish()?;
    params.finish()?;
    Ok((currency.to_ascii_lowercase(), item))
}

fn total(items: &[Item]) -> Result<i64, Declined> {
    let each = items
        .iter()
        .map(|item| item.unit_amount.saturating_mul(item.quantity));
    let amount = each.fold(0_i64, i64::saturating_add);
    if amount < AMOUNT_MIN {
        let message = format!(
            "The total of a session must be at least {AMOUNT_MIN} in minor units, not {amount}."
        );
        return Err(Declined::of_state(Some("amount_too_small"), message));
    }
    if amount > AMOUNT_MAX {
        let message = format!(
            "The total of a session must be no more than {AMOUNT_MAX} in minor units, not {amount}."
        );
        return Err(Declined::of_state(Some("amount_too_large"), message));
    }
    Ok(amount)
}

fn expires_at(books: &Books<'_>, params: &mut Params) -> Result<i64, Declined> {
    let now = books.now_s();
    let Some(at) = params.integer("expires_at")? else {
        return Ok(now + OPEN_S_MAX);
    };
    let (earliest, latest) = (
        now + OPEN_S_MIN - OPEN_S_SLACK,
        now + OPEN_S_MAX + OPEN_S_SLACK,
    );
    if !(earliest..=latest).contains(&at) {
        let message = "The `expires_at` timestamp must be from 30 minutes to 24 hours from Checkout Session creation.";
        return Err(Declined::invalid_param(
            "parameter_invalid_integer",
            "expires_at",
            message,
        ));
    }
    Ok(at)
}

fn payment_metadata(params: &mut Params) -> Result<crate::bank::state::Metadata, Declined> {
    let Some(mut data) = params.part("payment_intent_data")? else {
        return Ok(crate::bank::state::Metadata::new());
    };
    let metadata = data.metadata()?;
    for name in [
        "description",
        "receipt_email",
        "statement_descriptor",
        "statement_descriptor_suffix",
    ] {
        data.ignore(name);
    }
    data.finish()?;
    Ok(metadata)
}

/// A browser is sent there, so it has to be an address of a page.
fn checked_url(url: String, param: &str, id: &str) -> Result<String, Declined> {
    let parsed: Result<http::Uri, _> = url.replace("{CHECKOUT_SESSION_ID}", id).parse();
    let is_page = parsed.is_ok_and(|parsed| {
        matches!(parsed.scheme_str(), Some("http" | "https"))
            && parsed.host().is_some_and(|host| !host.is_empty())
    });
    match is_page {
        true => Ok(url),
        false => Err(Declined::invalid_param(
            "url_invalid",
            param,
            "Not a valid URL",
        )),
    }
}

pub(super) fn create_refund(books: &Books<'_>, mut params: Params) -> Result<Value, Declined> {
    let payment = params.text("payment_intent", ID_CHARS_MAX)?;
    let charge = params.text("charge", ID_CHARS_MAX)?;
    let payment = match (payment, charge) {
        (Some(id), _) => books
            .payment(&id)
            .map_err(|declined| of_param(declined, "payment_intent"))?,
        (None, Some(id)) => books
            .payment_of_charge(&id)
            .map_err(|declined| of_param(declined, "charge"))?,
        (None, None) => {
            let message = "One of the following params should be provided for this request: payment_intent or charge.";
            return Err(Declined::invalid(message));
        }
    };
    let amount = params.integer("amount")?;
    if amount.is_some_and(|amount| amount < 1) {
        let message = "Invalid positive integer";
        return Err(Declined::invalid_param(
            "parameter_invalid_integer",
            "amount",
            message,
        ));
    }
    let reason = params.text("reason", TEXT_CHARS_MAX)?;
    let is_known =
        |reason: &str| matches!(reason, "duplicate" | "fraudulent" | "requested_by_customer");
    if reason.as_deref().is_some_and(|reason| !is_known(reason)) {
        let message =
            "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer";
        return Err(Declined::invalid_param(
            "parameter_invalid_empty",
            "reason",
            message,
        ));
    }
    let metadata = params.metadata()?;
    params.finish()?;
    books.pay_back(payment, amount, reason, metadata)
}

fn of_param(declined: Declined, param: &str) -> Declined {
    Declined {
        param: declined.param.as_ref().map(|_| param.to_owned()),
        ..declined
    }
}
