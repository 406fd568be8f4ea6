//! The pages are embedded; a build without them still compiles.

fn main() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/play/dist");
    println!("cargo::rerun-if-changed={pages}");
    if let Err(error) = std::fs::create_dir_all(pages) {
        println!("cargo::error=cannot create {pages}: {error}");
    }
}
