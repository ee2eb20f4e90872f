//! The program in the README is the one that is compiled as an example.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[test]
fn the_service_in_the_readme_is_the_example_that_is_compiled() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let example = include_str!("../examples/embedded.rs");
    let (_, program) = example.split_once("\n\n").unwrap();
    assert!(readme.contains(&format!("```rust\n{program}```\n")), "README shows another program");
}
