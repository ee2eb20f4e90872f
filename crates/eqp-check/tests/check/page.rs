//! The page of the documentation is the book.

#[test]
fn the_committed_page_is_the_book() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");
    let page = eqp_check::render_markdown();
    if std::env::var_os("EQP_WRITE_PAGES").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page, "docs/rules.md is not what the book says: run this test with EQP_WRITE_PAGES=1");
}
