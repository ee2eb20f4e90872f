//! The query data in `crates/eqp-store/.sqlx`, from which the store builds without a database.
//!
//! sqlx's macros write the data while they are compiled, if the environment names a database and a folder for it. This
//! module compiles the store in that way against a temporary Postgres with all migrations applied.
//!
//! `sqlx-cli` does the same, but has to be installed first (a build of more than 200 crates), and every check would need it:
//! with this module, cargo is enough.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::process::{cargo, run};
use crate::run_postgres::with_postgres;
use crate::{Result, workspace};

/// Generates the committed data.
pub(crate) async fn prepare() -> Result {
    let made = make().await?;
    let folder = workspace::query_data();
    let failed = |error: std::io::Error| format!("cannot write to {}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let committed = read(&folder)?;
    for name in committed.keys().filter(|name| !made.contains_key(*name)) {
        fs::remove_file(folder.join(name)).map_err(failed)?;
    }
    for (name, text) in &made {
        fs::write(folder.join(name), text).map_err(failed)?;
    }
    println!("{} queries in {}", made.len(), folder.display());
    Ok(())
}

/// Fails if the committed data differs from what the sources and migrations generate.
pub(crate) async fn check() -> Result {
    let (made, committed) = (make().await?, read(&workspace::query_data())?);
    if made == committed {
        return Ok(());
    }
    let missing = made.keys().filter(|name| !committed.contains_key(*name)).count();
    let stale = committed.keys().filter(|name| !made.contains_key(*name)).count();
    let differ = made.iter().filter(|(name, text)| committed.get(*name).is_some_and(|found| found != *text)).count();
    Err(format!(
        "query data: {missing} missing, {stale} no longer used, {differ} different; run `cargo xtask db prepare`"
    ))
}

/// The content of each file by its name.
type QueryData = BTreeMap<String, String>;

/// Builds the store against a database with exactly the committed migrations.
async fn make() -> Result<QueryData, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    with_postgres(async |postgres| {
        postgres.ensure_database("build").await.map_err(|error| error.to_string())?;
        let connected = PgConnection::connect_with(&postgres.connect_options("build")).await;
        migrate(connected.map_err(|error| error.to_string())?).await?;
        let _outdated = JustWritten::claim(&workspace::root().join("crates/eqp-store/src/lib.rs"))?;
        // The additional `--cfg` gives this build its own artifacts, so that those of other builds stay valid.
        let mut build = cargo(["rustc", "--quiet", "--package", "eqp-store", "--lib", "--profile", "check"]);
        build
            .args(["--", "--cap-lints", "allow", "--cfg", "query_data"])
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", folder.path())
            .env("EQP_BUILD_DATABASE_URL", postgres.url("build"));
        run(build).await
    })
    .await?;
    read(folder.path())
}

/// Sets a file's modification time to now, and back when it is dropped.
///
/// Cargo does not track the environment variables that sqlx's macros read, and would not compile the store again; a
/// source file that looks new makes it do so. `sqlx-cli` works in the same way.
struct JustWritten {
    file: fs::File,
    before: SystemTime,
}

impl JustWritten {
    fn claim(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot touch {}: {error}", path.display());
        let file = fs::File::options().append(true).open(path).map_err(failed)?;
        let before = file.metadata().and_then(|found| found.modified()).map_err(failed)?;
        file.set_modified(SystemTime::now()).map_err(failed)?;
        Ok(Self { file, before })
    }
}

impl Drop for JustWritten {
    fn drop(&mut self) {
        // If this fails, the next build only takes longer.
        let _ = self.file.set_modified(self.before);
    }
}

/// Applies all migrations in the order of their names, each in a transaction.
async fn migrate(mut connection: PgConnection) -> Result {
    let folder = workspace::migrations();
    let entries = fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let failed = |error: sqlx::Error| format!("{}: {error}", file.display());
        let mut transaction = connection.begin().await.map_err(failed)?;
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    connection.close().await.map_err(|error| error.to_string())
}

fn read(folder: &Path) -> Result<QueryData, String> {
    if !folder.exists() {
        return Ok(QueryData::new());
    }
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut data = QueryData::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            data.insert(name, fs::read_to_string(entry.path()).map_err(failed)?);
        }
    }
    Ok(data)
}
