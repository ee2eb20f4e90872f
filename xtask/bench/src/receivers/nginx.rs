//! nginx, which returns a constant response over TLS without storing anything: the upper limit for handshakes.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::peer::{answers, free_address, run};
use crate::Failure;
use crate::harness::kept;
use crate::load::Certificate;

const START_DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
/// The path of nginx on Debian, which may not be in PATH.
const PLACES: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// A running nginx; stopped on drop.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Its version, as it reports it.
    pub(crate) version: String,
}

impl Nginx {
    /// Starts nginx in `folder`, with the certificate there. The inner error is the reason why there is no nginx.
    pub(crate) fn start(folder: &Path) -> Result<Result<Self, String>, Failure> {
        let (program, version) = match find() {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        let address = free_address()?;
        let folder = folder.join("nginx");
        fs::create_dir_all(&folder)?;
        let certificate = Certificate::in_folder(folder.parent().unwrap_or(&folder));
        fs::write(folder.join("nginx.conf"), configuration(address, &certificate))?;
        // As root, it would otherwise switch to a user who cannot enter the folder.
        let child = Command::new(program)
            .arg("-p")
            .arg(&folder)
            .args(["-c", "nginx.conf", "-e", "error.log", "-g", "daemon off;"])
            .stdin(Stdio::null())
            .stdout(Stdio::from(std::io::stderr()))
            .spawn()?;
        let mut nginx = Self { child, address, version };
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(address).is_err() {
            if nginx.child.try_wait()?.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                return Err(format!("nginx did not start: {said}").into());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(Ok(nginx))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // The master process stops its workers.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Finds an installed nginx and its version, or fetches Debian's package.
fn find() -> Result<(PathBuf, String), String> {
    let there = |program: PathBuf| version(&program).map(|version| (program, version));
    if let Some(found) = PLACES.iter().find_map(|place| there(place.into())) {
        return Ok(found);
    }
    let folder = kept("peers").join("nginx");
    let unpacked = folder.join("usr/sbin/nginx");
    if !unpacked.is_file() {
        fetch(&folder)?;
    }
    there(unpacked).ok_or_else(|| "no nginx: Debian's does not run on this machine".to_owned())
}

/// Unpacks Debian's package into `folder`. Installing it would need root, and would start a server.
fn fetch(folder: &Path) -> Result<(), String> {
    if !answers("apt-get") || !answers("dpkg-deb") {
        return Err("no nginx, and no apt-get to fetch one".to_owned());
    }
    eprintln!("fetching nginx");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    run(folder, "apt-get", &["--quiet", "--option", "APT::Sandbox::User=root", "download", "nginx"])?;
    let package = fs::read_dir(folder)
        .map_err(failed)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or("apt-get has fetched no package")?;
    run(folder, "dpkg-deb", &["--extract", &package.display().to_string(), "."])?;
    fs::remove_file(package).map_err(failed)
}

fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("-v").stdin(Stdio::null()).output().ok()?;
    // It says so on standard error: `nginx version: nginx/1.22.1`.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then(|| said.rsplit(' ').next().unwrap_or_default().trim().to_owned())
}

/// Returns a configuration with one worker for each core, TLS 1.3 only, full handshakes, and no logs.
fn configuration(address: SocketAddr, certificate: &Certificate) -> String {
    let (chain, key) = (certificate.chain.display(), certificate.key.display());
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    format!(
        "{user}worker_processes auto;\npid nginx.pid;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path body;\n  proxy_temp_path proxy;\n  \
         fastcgi_temp_path fastcgi;\n  uwsgi_temp_path uwsgi;\n  scgi_temp_path scgi;\n  server {{\n    \
         listen {address} ssl;\n    ssl_certificate {chain};\n    ssl_certificate_key {key};\n    \
         ssl_protocols TLSv1.3;\n    ssl_session_cache off;\n    ssl_session_tickets off;\n    \
         location / {{ default_type application/json; return 200 '{{\"id\":\"01890000-0000-7000-8000-000000000000\"}}'; }}\n  \
         }}\n}}\n"
    )
}
