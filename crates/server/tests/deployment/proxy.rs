//! nginx takes the template, filled in as compose.yaml does and as `make cluster` does.

use crate::compose::Compose;
use crate::{read, run};
use std::path::PathBuf;
use std::process::Command;

const REMEDY: &str =
    "nginx is missing; on Debian run: sudo apt-get install -y --no-install-recommends nginx-light";

fn nginx() -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH");
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let named = std::env::var_os("NGINX_BIN").map(PathBuf::from);
    let mut found = named
        .into_iter()
        .chain(places.map(|place| place.join("nginx")));
    found.find(|file| file.exists()).expect(REMEDY)
}

/// What nginx says of a site.
fn complaint_about(site: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("site.conf"), site).expect("written");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {};\n", place(kind)))
        .collect();
    let whole = format!(
        "pid {};\nerror_log {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {};\n}}\n",
        place("pid"),
        place("errors"),
        place("site.conf"),
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, whole).expect("written");
    let output = run(Command::new(nginx()).args(["-t", "-q", "-c"]).arg(&file));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(complaint)
}

fn filled(values: &[(&str, &str)]) -> String {
    let mut site = read("nginx/blazing-sun.conf.template");
    for (name, value) in values {
        let place = format!("${{{name}}}");
        assert!(site.contains(&place), "{place}");
        site = site.replace(&place, value);
    }
    let rules = site
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let site: String = rules.map(|line| format!("{line}\n")).collect();
    assert!(!site.contains("${"), "{site}");
    site
}

fn with(tls: &str, listen: &str) -> String {
    filled(&[
        ("LISTEN", listen),
        ("TLS", tls),
        ("RESOLVER", ""),
        ("GATEWAYS", "server 127.0.0.1:1; server 127.0.0.1:2;"),
        ("BACKENDS", "server 127.0.0.1:3;"),
        ("CHECKOUTS", "server 127.0.0.1:4;"),
    ])
}

#[test]
fn nginx_takes_the_template() {
    assert_eq!(complaint_about(&with("", "127.0.0.1:8080")), None);
    let broken = with("", "127.0.0.1:8080").replace("proxy_pass", "proxy_pas");
    let complaint = complaint_about(&broken).expect("nginx takes anything");
    assert!(complaint.contains("proxy_pas"), "{complaint}");
}

#[test]
fn nginx_takes_what_compose_fills_in() {
    let compose = Compose::read();
    let environment = compose.environment("proxy");
    let values: Vec<(&str, String)> = [
        "LISTEN",
        "TLS",
        "RESOLVER",
        "GATEWAYS",
        "BACKENDS",
        "CHECKOUTS",
    ]
    .iter()
    .map(|name| (*name, environment[*name].clone()))
    .collect();
    for (kind, names) in [
        ("GATEWAYS", &["gateway-1", "gateway-2"][..]),
        ("BACKENDS", &["backend-1", "backend-2"]),
        ("CHECKOUTS", &["checkout"]),
    ] {
        for name in names {
            assert!(
                environment[kind].contains(&format!("server {name}:8080 resolve ")),
                "{kind} {name}"
            );
        }
    }
    // Looking names up again came with nginx 1.27.3, which the image has; names of containers are unknown here.
    let here = values.iter().map(|(name, value)| {
        let mut value = value.replace(" resolve ", " ");
        for name in [
            "gateway-1",
            "gateway-2",
            "backend-1",
            "backend-2",
            "checkout",
        ] {
            value = value.replace(&format!("{name}:"), "127.0.0.1:");
        }
        (*name, value)
    });
    let here: Vec<(&str, String)> = here.collect();
    let here: Vec<(&str, &str)> = here
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(complaint_about(&filled(&here)), None);
    let image = compose.text("proxy", "image");
    assert_eq!(image, "nginx:1.28-alpine", "a version with `resolve`");
}
