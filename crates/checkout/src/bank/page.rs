//! The page on which people pay: plain HTML and a form, no script, and headers that let nothing else in.

use super::error::Declined;
use super::handle::Core;
use super::http::{Asked, json, set, text};
use super::payments::{Way, success_url};
use super::state::{ChargeStatus, Payment, PaymentStatus, Session, SessionStatus};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;

const STYLE: &str = include_str!("page.css");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const FORM: &str = "application/x-www-form-urlencoded";

/// Where a page's form may lead, besides the bank itself.
type Origins = Vec<String>;

pub(super) async fn answer(core: &Arc<Core>, asked: &Asked) -> Response {
    let places = asked.places();
    let ["pay", id] = places.as_slice() else {
        return not_found();
    };
    match asked.method.as_str() {
        "GET" | "HEAD" => shown(core, id).await,
        "POST" => pressed(core, id, asked).await,
        _ => text(
            405,
            "text/plain; charset=utf-8",
            "This page is read and its form sent.\n".to_owned(),
        ),
    }
}

async fn shown(core: &Arc<Core>, id: &str) -> Response {
    let id = id.to_owned();
    let found = core
        .change(move |books| {
            let (_, mut session) = books.session(&id)?;
            books.expire_if_due(&mut session)?;
            let payment = session
                .payment_intent
                .as_deref()
                .map(|id| books.payment(id))
                .transpose()?;
            Ok((session, payment))
        })
        .await;
    match found {
        Ok((session, payment)) => page(
            200,
            &content(&session, payment.as_ref()),
            &origins(&session),
        ),
        Err(declined) => failed(&declined),
    }
}

async fn pressed(core: &Arc<Core>, id: &str, asked: &Asked) -> Response {
    let way = form_urlencoded::parse(&asked.body).find(|(name, _)| name == "way");
    let way = way
        .filter(|_| asked.is_of(FORM))
        .and_then(|(_, way)| way_of(&way));
    let Some(way) = way else {
        return page(
            400,
            &notice(
                "That did not work",
                "The form that was sent is not this page's.",
            ),
            &Vec::new(),
        );
    };
    let session = id.to_owned();
    let paid = core.change(move |books| books.pay(&session, way)).await;
    match paid {
        Ok(Some(url)) => sent_to(&url),
        // The page says what has become of the session, now or as it was before.
        Ok(None) | Err(Declined { status: 409, .. }) => sent_to(&format!("/pay/{id}")),
        Err(declined) => failed(&declined),
    }
}

fn way_of(text: &str) -> Option<Way> {
    serde_json::from_value(serde_json::Value::from(text)).ok()
}

/// By GET, so that loading the page again pays nothing twice.
fn sent_to(url: &str) -> Response {
    let mut response = text(303, "text/plain; charset=utf-8", String::new());
    set(&mut response, LOCATION, url);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, REFERRER_POLICY, "no-referrer");
    response
}

fn failed(declined: &Declined) -> Response {
    match declined.status {
        404 => not_found(),
        status => json(status, &declined.body()),
    }
}

fn not_found() -> Response {
    page(
        404,
        &notice(
            "Nothing to pay here",
            "The test bank knows no session of this address.",
        ),
        &Vec::new(),
    )
}

fn notice(title: &str, words: &str) -> String {
    format!("<h1>{}</h1><p>{}</p>", escaped(title), escaped(words))
}

fn content(session: &Session, payment: Option<&Payment>) -> String {
    let amount = escaped(&money(session.amount, &session.currency));
    let mut html = format!(
        "<p class=\"test\" role=\"note\"><strong>Test money.</strong> This is a test bank: no card is asked for, and \
         nothing is charged.</p><h1>{}</h1><p class=\"amount\">{amount}</p>",
        escaped(&title(session))
    );
    match session.status {
        SessionStatus::Open => open(&mut html, session, payment),
        SessionStatus::Complete => {
            let words = match session.is_paid {
                true => "This is paid. You can go back now.",
                false
                    if payment
                        .is_some_and(|payment| payment.status == PaymentStatus::Processing) =>
                {
                    "The payment is on its way. What it is for comes once the money is there."
                }
                false => "The payment did not arrive. Nothing was paid.",
            };
            ended(&mut html, words, Some(&success_url(session)));
        }
        SessionStatus::Expired => {
            ended(
                &mut html,
                "This page has expired. Nothing was paid.",
                session.cancel_url.as_deref(),
            );
        }
    }
    html
}

fn title(session: &Session) -> String {
    match session.items.as_slice() {
        [item] => item.name.clone(),
        items => format!("{} items", items.len()),
    }
}

fn open(html: &mut String, session: &Session, payment: Option<&Payment>) {
    let failed = payment
        .and_then(Payment::charge)
        .filter(|charge| charge.status == ChargeStatus::Failed);
    if let Some(charge) = failed {
        let why = escaped(charge.method.failure().message);
        let _ = write!(
            html,
            "<p class=\"failed\" role=\"alert\">{why} Nothing was paid. You can try again.</p>"
        );
    }
    if session.items.len() > 1 {
        html.push_str("<ul>");
        for item in &session.items {
            let (name, count) = (escaped(&item.name), item.quantity);
            let amount = escaped(&money(
                item.unit_amount.saturating_mul(count),
                &session.currency,
            ));
            let _ = write!(
                html,
                "<li><span>{count} × {name}</span><span>{amount}</span></li>"
            );
        }
        html.push_str("</ul>");
    }
    let amount = escaped(&money(session.amount, &session.currency));
    let _ = write!(
        html,
        "<form method=\"post\">\
         <button class=\"first\" name=\"way\" value=\"pay\">Pay {amount}</button>\
         <button name=\"way\" value=\"decline\">Pay with a card that is declined</button>\
         <button name=\"way\" value=\"pay_later\">Pay later<small>the money arrives afterwards</small></button>\
         <button name=\"way\" value=\"pay_later_fails\">Pay later, in vain<small>it never arrives</small></button>"
    );
    if session.cancel_url.is_some() {
        html.push_str(
            "<button class=\"back\" name=\"way\" value=\"abandon\">Go back without paying</button>",
        );
    }
    html.push_str("</form>");
}

fn ended(html: &mut String, words: &str, back: Option<&str>) {
    let _ = write!(html, "<p>{}</p>", escaped(words));
    if let Some(url) = back {
        let _ = write!(
            html,
            "<p class=\"fine\"><a class=\"button first\" href=\"{}\">Go back</a></p>",
            escaped(url)
        );
    }
}

fn page(status: u16, content: &str, origins: &Origins) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Test bank</title><style>{STYLE}</style></head><body><main>{content}</main></body></html>"
    );
    let mut response = text(status, "text/html; charset=utf-8", html);
    set(&mut response, CONTENT_SECURITY_POLICY, &policy(origins));
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, REFERRER_POLICY, "no-referrer");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, OPENER_POLICY, "same-origin");
    response
}

fn policy(origins: &Origins) -> String {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    // Browsers hold the form to where its answer sends them, too.
    let mut targets = "'self'".to_owned();
    for origin in origins {
        let _ = write!(targets, " {origin}");
    }
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn origins(session: &Session) -> Origins {
    let urls = [Some(success_url(session)), session.cancel_url.clone()];
    let mut origins: Origins = urls
        .iter()
        .flatten()
        .filter_map(|url| origin(url))
        .collect();
    origins.dedup();
    origins
}

/// Without whatever else an address can have in it.
fn origin(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let (scheme, host) = (
        url.scheme_str()?,
        url.host().filter(|host| host.bytes().all(is_of_names))?,
    );
    Some(match url.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Currencies that have no minor unit.
const WHOLE: &[&str] = &[
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv",
    "xaf", "xof", "xpf",
];

fn money(amount: i64, currency: &str) -> String {
    let number = match WHOLE.contains(&currency) {
        true => amount.to_string(),
        false => format!("{}.{:02}", amount / 100, amount % 100),
    };
    match currency {
        "eur" => format!("€{number}"),
        "usd" => format!("${number}"),
        "gbp" => format!("£{number}"),
        other => format!("{number} {}", other.to_ascii_uppercase()),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_its_currency_is_written() {
        let of = |amount, currency| money(amount, currency);
        assert_eq!(of(2_500, "eur"), "€25.00");
        assert_eq!(of(5, "usd"), "$0.05");
        assert_eq!(of(2_500, "jpy"), "2500 JPY");
        assert_eq!(of(120_099, "sek"), "1200.99 SEK");
    }

    #[test]
    fn an_origin_is_all_that_a_policy_gets_of_an_address() {
        let of = |url| origin(url);
        assert_eq!(
            of("https://play.example/a;b?c=d").as_deref(),
            Some("https://play.example")
        );
        assert_eq!(
            of("http://127.0.0.1:8080/"),
            Some("http://127.0.0.1:8080".to_owned())
        );
        assert_eq!(of("http://[::1]:80/"), Some("http://[::1]:80".to_owned()));
        assert_eq!(
            of("https://user:x@play.example/").as_deref(),
            Some("https://play.example")
        );
        assert_eq!(of("https://a;script-src/"), None);
        assert_eq!(of("/relative"), None);
    }

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(
            escaped("<b x=\"1\" y='2'>&"),
            "&lt;b x=&quot;1&quot; y=&#39;2&#39;&gt;&amp;"
        );
    }
}
