//! `cargo xtask screenshots`: writes the pictures of pages in docs/images.

use crate::process::{cargo, run};
use crate::run_postgres::with_postgres;
use crate::test::VARIABLE;
use crate::{Result, workspace};

/// The environment variable with the folder of the pictures.
const FOLDER: &str = "EQP_PICTURES";
/// The test that writes the pictures. Without Chromium, it reports that it is not run.
const TEST: &str = "pictures::pictures_of_the_pages_are_small";

pub(crate) async fn write() -> Result {
    with_postgres(async |postgres| {
        let mut test = cargo(["test", "--quiet", "--package", "eqp-cli", "--test", "browser", "--"]);
        test.args(["--ignored", "--exact", "--nocapture", TEST]);
        test.env(VARIABLE, postgres.url("postgres")).env(FOLDER, workspace::root().join("docs/images"));
        run(test).await
    })
    .await
}
