//! A real mail server: aiosmtpd, a program in Python.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::callbacks::PATIENCE;

/// The only user of a server that requires authentication, and the password.
pub const USER: &str = "eqp";
pub const PASSWORD: &str = "hush-password";

/// How a server protects connections. Those without TLS require no authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailMode {
    StartTls,
    Tls,
    Plain,
}

/// A mail server on localhost, until it is dropped.
///
/// It replies with errors to the recipients `later@`, `unknown@`, `closing@` and `repeating@`, and to the sender `stranger@`.
pub struct PostOffice {
    process: Child,
    pub port: u16,
    /// The CA of its certificate.
    pub ca_pem: String,
    arrived: Receiver<String>,
}

/// A mail that has arrived.
#[derive(Debug)]
pub struct Mail(pub Value);

impl PostOffice {
    /// Starts a mail server. Returns `None` if there is no program for it, and prints that.
    pub fn start(mode: MailMode) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (ca_pem, certificate, key) = certificate();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = [file("certificate.pem", &certificate), file("key.pem", &key)];
        let mode = match mode {
            MailMode::StartTls => "starttls",
            MailMode::Tls => "tls",
            MailMode::Plain => "none",
        };
        // The system's Python can have modules that another one in PATH does not have.
        for python in ["python3", "/usr/bin/python3"] {
            let mut command = Command::new(python);
            command.args([concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail_server.py"), mode]).args(&files);
            let Ok(mut process) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else { continue };
            let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
            let Some(port) = lines.next() else {
                let ended = process.wait_with_output().unwrap();
                let error = String::from_utf8_lossy(&ended.stderr).into_owned();
                assert!(error.contains("No module named 'aiosmtpd'"), "{error}");
                continue;
            };
            let (sender, arrived) = channel();
            std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
            return Some(Self { process, port: port.unwrap().parse().unwrap(), ca_pem, arrived });
        }
        println!("not run: there is no python3 with aiosmtpd");
        None
    }

    /// Waits for the next mail. Blocks the thread.
    pub fn arrived(&self) -> Mail {
        Mail(serde_json::from_str(&self.arrived.recv_timeout(PATIENCE).unwrap()).unwrap())
    }

    pub fn is_empty(&self) -> bool {
        self.arrived.try_recv().is_err()
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Mail {
    /// Returns the values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.0["headers"].as_array().unwrap();
        headers.iter().filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
    }
}

/// Returns a CA, and a certificate for localhost and its key, in PEM format.
fn certificate() -> (String, String, String) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    (ca_pem, certificate.pem(), key.serialize_pem())
}
