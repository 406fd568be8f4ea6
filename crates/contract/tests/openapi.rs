//! What the OpenAPI document describes is told apart, and it has all there is.

use blazing_sun_backbone::rest::{Operation, problem};
use blazing_sun_contract::openapi;
use std::collections::HashSet;

/// Of both documents.
fn all_operations() -> Vec<Operation> {
    [openapi::operations(), openapi::operators_operations()].concat()
}

#[test]
fn operations_have_ids_of_their_own() {
    let operations = all_operations();
    let ids: HashSet<_> = operations.iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), operations.len());
    let routes: HashSet<_> = operations
        .iter()
        .map(|operation| (operation.method.as_str(), operation.path))
        .collect();
    assert_eq!(routes.len(), operations.len());
}

#[test]
fn every_problem_is_one_of_some_operation() {
    let operations = all_operations();
    let told: Vec<_> = operations
        .iter()
        .flat_map(|operation| &operation.problems)
        .collect();
    let untold: Vec<_> = problem::ALL
        .iter()
        .filter(|kind| !told.contains(kind))
        .map(|kind| kind.code)
        .collect();
    // What paths and methods are answered with that the document does not have.
    assert_eq!(untold, ["method_not_allowed"]);
}
