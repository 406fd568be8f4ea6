//! The pages are embedded; a build without them still compiles. A function of librdkafka is replaced.

fn main() {
    for pages in ["play", "console"] {
        let pages = format!("{}/../../web/{pages}/dist", env!("CARGO_MANIFEST_DIR"));
        println!("cargo::rerun-if-changed={pages}");
        if let Err(error) = std::fs::create_dir_all(&pages) {
            println!("cargo::error=cannot create {pages}: {error}");
        }
    }
    // See `backbone/src/log/kafka/leader_hints.rs`.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg=-Wl,--wrap=rd_kafka_metadata_update_op");
    }
}
