//! Adds profiles to and removes them from the configuration file, preserving the rest of it.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eqp_types::{Environment, Secret};
use rustix::fs::OFlags;
use toml_edit::{DocumentMut, Item, Table, value};

use super::file::{FILE_NAME, user_folder};
use super::template::with_schema_first;
use crate::failure::{Exit, Failure, Result};

/// The place where the application secret of a profile is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// This file, with mode 0600.
    File(PathBuf),
    /// The keyring.
    Keyring,
}

/// The access key of a profile.
#[derive(Clone, Debug)]
pub(crate) struct ProfileKey {
    /// The environment of the key.
    pub(crate) environment: Environment,
    /// The application ID.
    pub(crate) application_id: String,
    /// The place of the secret.
    pub(crate) secret: SecretPlace,
    /// The URL of the API, if it is not the environment's own.
    pub(crate) api_url: Option<String>,
    /// The API that accepted the key.
    pub(crate) verified_api_url: String,
    /// The certificate file of an additional CA to trust.
    pub(crate) ca_file: Option<PathBuf>,
}

/// The deadline for the lock of the file. Another process may hold it while its user unlocks a keyring.
const LOCK_DEADLINE: Duration = Duration::from_mins(1);
/// The interval of attempts to get the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// A configuration file that is being changed. It is locked from before it is read until it is dropped, so that
/// concurrent changes do not overwrite each other.
#[derive(Debug)]
pub(crate) struct ProfileFile {
    path: PathBuf,
    document: DocumentMut,
    _lock: File,
}

impl ProfileFile {
    /// Locks and reads the file. A file that does not exist yet counts as empty.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // If the path is a symbolic link, its target is replaced instead of the link.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let lock = lock(path)?;
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::usage(format!("cannot read {}", path.display())).because(&error)),
        };
        let document = text
            .parse::<DocumentMut>()
            .map_err(|error| Failure::usage(format!("{} cannot be read", path.display())).why(error.to_string()))?;
        Ok(Self { path: path.to_owned(), document, _lock: lock })
    }

    /// Saves a key in a profile. The profile becomes the default profile if there is none yet or if `is_default` is
    /// true. Returns whether it became the default profile.
    pub(crate) fn set(&mut self, profile: &str, key: &ProfileKey, is_default: bool) -> Result<bool> {
        let becomes_default = is_default || !self.document.contains_key("profile");
        if becomes_default {
            self.document["profile"] = value(profile);
        }
        let path = self.path.clone();
        let marketplace = self.marketplace(profile).ok_or_else(|| unusable(&path, profile))?;
        marketplace["environment"] = value(key.environment.as_str());
        marketplace["application_id"] = value(&key.application_id);
        marketplace["verified_api_url"] = value(&key.verified_api_url);
        match &key.secret {
            SecretPlace::File(file) => {
                marketplace["application_secret_file"] = value(file.display().to_string());
                marketplace.remove("application_secret_keyring");
            }
            SecretPlace::Keyring => {
                marketplace["application_secret_keyring"] = value(true);
                marketplace.remove("application_secret_file");
            }
        }
        for (name, text) in
            [("api_url", key.api_url.clone()), ("ca_file", key.ca_file.as_ref().map(|file| file.display().to_string()))]
        {
            match text {
                Some(text) => marketplace[name] = value(text),
                None => drop(marketplace.remove(name)),
            }
        }
        Ok(becomes_default)
    }

    /// Removes the key from a profile, together with the API that it was for: the next key may be for another API, such
    /// as the Marketplace after a rehearsal with a simulator. The rest of the profile is preserved.
    pub(crate) fn forget(&mut self, profile: &str) -> Result {
        let path = self.path.clone();
        let marketplace = self.marketplace(profile).ok_or_else(|| unusable(&path, profile))?;
        for name in [
            "application_id",
            "application_secret_file",
            "application_secret_keyring",
            "verified_api_url",
            "api_url",
            "ca_file",
        ] {
            marketplace.remove(name);
        }
        Ok(())
    }

    /// Replaces the file atomically.
    pub(crate) fn save(&self) -> Result {
        let mode = std::fs::metadata(&self.path).map_or(0o600, |found| found.permissions().mode() & 0o777);
        // A key that is added at the top level comes before the comments of the first table.
        write(&self.path, with_schema_first(self.document.to_string()).as_bytes(), mode)
    }

    fn marketplace(&mut self, profile: &str) -> Option<&mut Table> {
        let hidden = || {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        };
        let profiles = self.document.entry("profiles").or_insert_with(hidden).as_table_mut()?;
        let profile = profiles.entry(profile).or_insert_with(hidden).as_table_mut()?;
        profile.entry("marketplace").or_insert_with(|| Item::Table(Table::new())).as_table_mut()
    }
}

/// Acquires the lock file next to the file, because the file itself is replaced.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let lock_path = path.with_added_extension("lock");
    let failed = |error: &std::io::Error| {
        Failure::new(Exit::Failed, format!("cannot lock {}", lock_path.display())).because(error)
    };
    folder_of(path).and_then(make_folder).map_err(|error| failed(&error))?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&lock_path)
        .map_err(|error| failed(&error))?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_DEADLINE => std::thread::sleep(LOCK_INTERVAL),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(
                    Exit::TimedOut,
                    format!("another eqp process is changing {}", path.display()),
                )
                .why(format!("it has locked {} for {} s", lock_path.display(), LOCK_DEADLINE.as_secs()))
                .next("wait for it or stop it, then run the same command again"));
            }
        }
    }
}

fn unusable(path: &Path, profile: &str) -> Failure {
    Failure::usage(format!("{} cannot be changed", path.display()))
        .why(format!("the profile `{profile}` is not a TOML table"))
        .next(format!("write it as [profiles.{profile}.marketplace]"))
}

/// Returns the path of this user's configuration file, which need not exist.
pub(crate) fn user_file() -> Result<PathBuf> {
    Ok(folder()?.join(FILE_NAME))
}

/// Returns the path of the file for the secret of a profile.
pub(crate) fn secret_file(profile: &str) -> Result<PathBuf> {
    Ok(folder()?.join("secrets").join(profile))
}

/// Writes a secret to a file of mode 0600.
pub(crate) fn write_secret(path: &Path, secret: &Secret) -> Result {
    write(path, format!("{}\n", secret.expose()).as_bytes(), 0o600)
}

fn folder() -> Result<PathBuf> {
    user_folder().map(|folder| folder.join("eqp")).ok_or_else(|| {
        Failure::usage("cannot determine the configuration folder, because neither XDG_CONFIG_HOME nor HOME is set")
            .next("choose a file with --config")
    })
}

/// Returns the folder of a file.
pub(crate) fn folder_of(path: &Path) -> std::io::Result<&Path> {
    let folder = path.parent().ok_or(ErrorKind::IsADirectory)?;
    Ok(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Whether a file that exists is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfExists {
    /// It is replaced.
    Replace,
    /// It is an error.
    Fail,
}

/// Writes a temporary file and renames it, so that readers never see partial content or another mode.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result {
    write_if(path, bytes, mode, IfExists::Replace)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot write {}", path.display())).because(&error))
}

/// Writes a temporary file and renames it, unless a file with the new name exists and is not to be replaced.
pub(crate) fn write_if(path: &Path, bytes: &[u8], mode: u32, if_exists: IfExists) -> std::io::Result<()> {
    let folder = folder_of(path)?;
    make_folder(folder)?;
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match if_exists {
        IfExists::Replace => file.persist(path)?,
        IfExists::Fail => file.persist_noclobber(path)?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: SecretPlace) -> ProfileKey {
        ProfileKey {
            environment: Environment::Sandbox,
            application_id: "app".into(),
            secret,
            api_url: None,
            verified_api_url: "https://api.example".into(),
            ca_file: None,
        }
    }

    #[test]
    fn a_profile_is_written_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eqp.toml");
        std::fs::write(&path, "# ours\n[receiver]\nlisten = \"127.0.0.1:8443\" # here\n").unwrap();
        let mut file = ProfileFile::open(&path).unwrap();
        file.set("test", &key(SecretPlace::File("/s/test".into())), false).unwrap();
        file.set("other", &key(SecretPlace::Keyring), false).unwrap();
        file.save().unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
        profile = "test"
        # ours
        [receiver]
        listen = "127.0.0.1:8443" # here

        [profiles.test.marketplace]
        environment = "sandbox"
        application_id = "app"
        verified_api_url = "https://api.example"
        application_secret_file = "/s/test"

        [profiles.other.marketplace]
        environment = "sandbox"
        application_id = "app"
        verified_api_url = "https://api.example"
        application_secret_keyring = true
        "#);
        file.set("other", &key(SecretPlace::File("/s/other".into())), true).unwrap();
        file.forget("test").unwrap();
        insta::assert_snapshot!(file.document.to_string(), @r#"
        profile = "other"
        # ours
        [receiver]
        listen = "127.0.0.1:8443" # here

        [profiles.test.marketplace]
        environment = "sandbox"

        [profiles.other.marketplace]
        environment = "sandbox"
        application_id = "app"
        verified_api_url = "https://api.example"
        application_secret_file = "/s/other"
        "#);
    }

    #[test]
    fn a_secret_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets/test");
        write_secret(&path, &Secret::new("hush")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.path().join("secrets"))), (0o600, 0o700));
    }
}
