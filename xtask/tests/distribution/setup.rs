//! A workplace with a stand-in for the program, and a server of files.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A platform for which the test release has an archive.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-musl";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The result of a script.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) said: String,
}

/// A folder with a stand-in for the program, in which scripts run without the caller's environment.
pub(crate) struct Workplace {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        let program = format!(
            "#!/bin/sh\ncase $1 in\n--version) echo 'eqp {}' ;;\nman) mkdir -p \"$2\" && echo '.TH eqp 1' > \"$2/eqp.1\" ;;\n\
             completions) echo \"# $2 ${{EQP_PROFILE-none}}\" ;;\nesac\n",
            place.version()
        );
        place.program("eqp", &program);
        place.program(
            "bin/uname",
            "#!/bin/sh\ncase $1 in -s) echo \"${SYSTEM:-Linux}\" ;; *) echo \"${MACHINE:-x86_64}\" ;; esac\n",
        );
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a program, with its folder.
    pub(crate) fn program(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns the version of the workspace, which is that of the stand-in.
    pub(crate) fn version(&self) -> String {
        let ended = self.run(&[script("release/version.sh").as_str()]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.said.trim().to_owned()
    }

    /// Runs a command in the folder.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.folder.path()).env_clear().env("PATH", path);
        command.env("HOME", self.folder.path()).env("TMPDIR", self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        Ended { code: output.status.code().unwrap_or(-1), said }
    }

    /// Packs the stand-in, and completes the folder `dist` to a release.
    pub(crate) fn release(&self) -> PathBuf {
        let dist = self.path("dist").display().to_string();
        let packed = self.run(&[&script("release/pack.sh"), "eqp", TARGET, &dist]);
        assert_eq!(packed.code, 0, "{packed:?}");
        let assembled = self.run(&[&script("release/assemble.sh"), &dist, "acme/eqp"]);
        assert_eq!(assembled.code, 0, "{assembled:?}");
        self.path("dist")
    }
}

/// Returns the path of a script in `deploy`.
pub(crate) fn script(name: &str) -> String {
    root().join("deploy").join(name).display().to_string()
}

/// Returns the path of a program, if it is installed.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

/// Serves files by their paths until the end of the test, each with a length that may exceed its content; returns the address.
pub(crate) fn serve(files: BTreeMap<String, (usize, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(respond(stream, &files));
        }
    });
    address
}

fn respond(mut stream: TcpStream, files: &BTreeMap<String, (usize, Vec<u8>)>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    match files.get(path) {
        Some((length, content)) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")?;
            stream.write_all(content)
        }
        None => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    }
}
