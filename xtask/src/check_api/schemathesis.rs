//! Installs Schemathesis into a virtual environment in the target folder, and runs it.

use std::fs;
use std::path::PathBuf;

use tokio::process::Command;

use super::server::Server;
use crate::process::{answers, output, program, run};
use crate::{Result, workspace};

/// The tested version. A newer one can have other checks and options.
const VERSION: &str = "4.32.5";
/// The library that generates the requests. The same seed sends the same requests only with the same version of it.
const HYPOTHESIS: &str = "hypothesis==6.170.17";
/// The variable that contains the token. The command line is visible to other users of the machine.
const TOKEN: &str = "EQP_CHECK_API_TOKEN";
/// The configuration, which reads the token from the variable.
const CONFIGURATION: &str = "headers = { Authorization = \"Bearer ${EQP_CHECK_API_TOKEN}\" }\n";

/// An installed Schemathesis.
pub(super) struct Schemathesis {
    program: PathBuf,
}

impl Schemathesis {
    /// Installs it, unless this version is installed already.
    pub(super) async fn install() -> Result<Self> {
        let folder = workspace::target().join("schemathesis");
        let schemathesis = Self { program: folder.join("bin/schemathesis") };
        if schemathesis.is_installed().await {
            return Ok(schemathesis);
        }
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        if !answers(program(&python, ["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"])).await
        {
            return Err(
                "Schemathesis needs Python 3.10 or newer with the module venv (Debian: python3-venv); PYTHON names another one"
                    .to_owned(),
            );
        }
        let mut create = program(&python, ["-m", "venv", "--clear"]);
        create.arg(&folder);
        run(create).await?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let mut install = program(folder.join("bin/python"), pip);
        install.arg(format!("schemathesis=={VERSION}")).arg(HYPOTHESIS);
        run(install).await.map_err(|error| {
            format!(
                "Schemathesis {VERSION} could not be installed from PyPI, which needs access to the network: {error}"
            )
        })?;
        Ok(schemathesis)
    }

    async fn is_installed(&self) -> bool {
        let version = output(program(&self.program, ["--version"])).await;
        version.is_some_and(|version| version.split_whitespace().any(|word| word == VERSION))
    }

    /// Returns a command that sends the token of a server, and writes its files to the server's folder.
    pub(super) fn command(&self, server: &Server) -> Result<Command> {
        let file = server.folder().join("schemathesis.toml");
        fs::write(&file, CONFIGURATION).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        let mut command = program(&self.program, ["--config-file"]);
        command.arg(&file).current_dir(server.folder()).env(TOKEN, &server.token);
        Ok(command)
    }
}
