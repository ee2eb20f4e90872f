//! The files of a simulator that are preserved across restarts: CA, access key and control token.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use eqp_receiver::LocalCa;
use eqp_simulator::CONTROL_PATH;
use eqp_types::{ApiKey, Environment, MageId, Secret};
use uuid::Uuid;

use crate::config::{profile, read_secret};
use crate::failure::{Exit, Failure, Result};
use crate::text::shell_quoted;

/// The account from the examples of the API documentation.
const MAGE_ID: &str = "MAG123456789";

const OTHER_FOLDER: &str = "choose another folder with --folder";

/// The folder of one simulator.
#[derive(Debug)]
pub(super) struct SimulatorFolder {
    path: PathBuf,
    key: ApiKey,
    control_token: Secret,
}

impl SimulatorFolder {
    /// Opens the folder and creates the files that are missing.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let path = std::path::absolute(&path).unwrap_or(path);
        fs::create_dir_all(&path).map_err(|error| cannot_write(&path, &error))?;
        // If several simulators start at once, one creates the files and the others read them.
        let lock_file = path.join("simulator.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_file);
        let lock =
            lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| cannot_write(&lock_file, &error))?;
        let (id_file, secret_file) = (path.join("application-id"), secret_file(&path));
        if !secret_file.exists() {
            write(&id_file, &format!("app-{}\n", &random()[..12]), 0o644)?;
            write(&secret_file, &format!("{}\n", random()), 0o600)?;
        }
        let application_id = fs::read_to_string(&id_file)
            .map_err(|error| {
                Failure::new(Exit::Failed, format!("cannot read {}", id_file.display()))
                    .because(&error)
                    .next(format!("remove {} to get a new key", secret_file.display()))
            })?
            .trim()
            .to_owned();
        let application_secret: Secret = read_secret(&secret_file, "the application secret")?;
        let token_file = control_token_file(&path);
        if !token_file.exists() {
            write(&token_file, &format!("{}\n", random()), 0o600)?;
        }
        let control_token = read_secret(&token_file, "the control token")?;
        drop(lock);
        Ok(Self { path, key: ApiKey { application_id, application_secret }, control_token })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn key(&self) -> ApiKey {
        self.key.clone()
    }

    /// Returns the bearer token of the control API.
    pub(super) fn control_token(&self) -> Secret {
        self.control_token.clone()
    }

    pub(super) fn control_token_file(&self) -> PathBuf {
        control_token_file(&self.path)
    }

    /// Returns the account, which is the same in every folder.
    pub(super) fn mage_id() -> Result<MageId> {
        MageId::new(MAGE_ID)
            .map_err(|error| Failure::new(Exit::Failed, "the simulator's account ID is invalid").because(&error))
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        LocalCa::certificate_path(&self.path)
    }

    pub(super) fn secret_file(&self) -> PathBuf {
        secret_file(&self.path)
    }

    /// Returns shell commands that set the environment variables for this simulator.
    pub(super) fn environment(&self, base_url: &str, environment: Environment) -> String {
        let lines = [
            ("EQP_ENVIRONMENT", environment.to_string()),
            ("EQP_API_URL", base_url.to_owned()),
            ("EQP_CA_FILE", self.ca_file().display().to_string()),
            ("EQP_APPLICATION_ID", self.key.application_id.clone()),
            ("EQP_APPLICATION_SECRET_FILE", self.secret_file().display().to_string()),
            ("EQP_SIMULATOR_CONTROL_URL", format!("{base_url}{CONTROL_PATH}")),
            ("EQP_SIMULATOR_CONTROL_TOKEN_FILE", self.control_token_file().display().to_string()),
        ];
        lines
            .into_iter()
            .fold(String::new(), |text, (name, value)| text + &format!("export {name}={}\n", shell_quoted(&value)))
    }
}

fn secret_file(folder: &Path) -> PathBuf {
    folder.join("application-secret")
}

fn control_token_file(folder: &Path) -> PathBuf {
    folder.join("control-token")
}

fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result {
    profile::write(path, text.as_bytes(), mode).map_err(|failure| failure.next(OTHER_FOLDER))
}

pub(super) fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot write {}", path.display())).because(error).next(OTHER_FOLDER)
}
