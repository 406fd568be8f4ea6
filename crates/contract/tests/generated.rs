//! The committed contract is what the code gives.

use blazing_sun_harness::generated;

#[test]
fn generated_contract_is_up_to_date() {
    let files = blazing_sun_contract::files();
    for (path, content) in &files {
        generated::file(path, content);
    }
    let folder = "docs/contract/schemas";
    let names: Vec<&str> = files
        .keys()
        .filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'))
        .collect();
    generated::nothing_else_in(folder, &names);
}
