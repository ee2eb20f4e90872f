//! Profiles as `eqp login` writes them and `eqp logout` takes them out; whatever else the file holds stays as it is.

use std::fs::{DirBuilder, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use eqp_types::{Environment, Secret};
use toml_edit::{DocumentMut, Item, Table, value};

use super::file::{FILE_NAME, user_folder};
use crate::failure::{Exit, Failure, Outcome};

/// Where a profile keeps its application secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// In this file, of mode 0600.
    File(PathBuf),
    /// In the keyring.
    Keyring,
}

/// An access key as a profile names it.
#[derive(Clone, Debug)]
pub(crate) struct ProfileKey {
    /// The environment that it is of.
    pub(crate) environment: Environment,
    /// Its id.
    pub(crate) application_id: String,
    /// Where its secret is.
    pub(crate) secret: SecretPlace,
    /// The API, where it is not the environment's own.
    pub(crate) api_url: Option<String>,
    /// The API that accepted the key.
    pub(crate) verified_api_url: String,
    /// One more authority to trust.
    pub(crate) ca_file: Option<PathBuf>,
}

/// A configuration file that is changed.
#[derive(Debug)]
pub(crate) struct ProfileFile {
    path: PathBuf,
    document: DocumentMut,
}

impl ProfileFile {
    /// Opens the file; one that is not there yet is empty.
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::usage(format!("cannot read {}", path.display())).because(&error)),
        };
        let document = text
            .parse::<DocumentMut>()
            .map_err(|error| Failure::usage(format!("{} cannot be read", path.display())).why(error.to_string()))?;
        Ok(Self { path: path.to_owned(), document })
    }

    /// Writes a key into a profile. The profile becomes the default one if the file has none yet or if `is_default`; answers
    /// whether it became that now.
    pub(crate) fn set(&mut self, profile: &str, key: &ProfileKey, is_default: bool) -> Outcome<bool> {
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

    /// Takes the key out of a profile, and where it was sent: the next key may be for another API, such as the Marketplace
    /// after a rehearsal with a simulator. The rest of the profile stays.
    pub(crate) fn forget(&mut self, profile: &str) -> Outcome {
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

    /// Writes the file anew, whole or not at all.
    pub(crate) fn save(&self) -> Outcome {
        let mode = std::fs::metadata(&self.path).map_or(0o600, |found| found.permissions().mode() & 0o777);
        write(&self.path, self.document.to_string().as_bytes(), mode)
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

fn unusable(path: &Path, profile: &str) -> Failure {
    Failure::usage(format!("{} cannot be changed", path.display()))
        .why(format!("the profile `{profile}` is not written as tables"))
        .next(format!("write it as [profiles.{profile}.marketplace]"))
}

/// The configuration file of this user, made or not.
pub(crate) fn user_file() -> Outcome<PathBuf> {
    Ok(folder()?.join(FILE_NAME))
}

/// The file for the secret of a profile.
pub(crate) fn secret_file(profile: &str) -> Outcome<PathBuf> {
    Ok(folder()?.join("secrets").join(profile))
}

/// Writes a secret to a file of mode 0600.
pub(crate) fn write_secret(path: &Path, secret: &Secret) -> Outcome {
    write(path, format!("{}\n", secret.expose()).as_bytes(), 0o600)
}

fn folder() -> Outcome<PathBuf> {
    user_folder().map(|folder| folder.join("eqp")).ok_or_else(|| {
        Failure::usage("there is no home folder to keep a configuration in").next("name a file with --config")
    })
}

/// Beside the file first, then in its place: nobody reads half of it, and it never had another mode.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Outcome {
    let written = || -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|error| Failure::new(Exit::Failed, format!("cannot write {}", path.display())).because(&error))
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
