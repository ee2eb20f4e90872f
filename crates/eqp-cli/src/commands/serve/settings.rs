//! The settings of a server that its pages show.

use eqp_console::Setting;

use super::Server;
use crate::config::{HostName, Role, Wire};

impl Server<'_> {
    /// Returns the settings that help operators, none of which is a secret.
    pub(super) fn shown_settings(&self) -> Vec<Setting> {
        let options = &self.context.settings.receiver;
        let roles: Vec<_> = self.roles.iter().map(|role| role.name()).collect();
        let mut settings = vec![Setting::new("receiver.roles", roles.join(", "))];
        let mut add = |name: &str, value: String| settings.push(Setting::new(name, value));
        if self.has(Role::Accept) {
            add("receiver.listen", options.listen().to_string());
            add(
                "certificate",
                match self.wire {
                    Wire::Files { certificate, .. } => certificate.display().to_string(),
                    Wire::LocalCa { .. } => "issued by the local CA, for development".to_owned(),
                    Wire::BehindProxy => "none: behind a TLS-terminating proxy".to_owned(),
                },
            );
            add(
                "receiver.spool_bytes",
                options.spool_bytes.map_or_else(|| "default".to_owned(), |bytes| bytes.to_string()),
            );
        }
        add("receiver.operator_listen", options.operator_listen().to_string());
        let hosts: Vec<_> = options.operator_hosts.iter().flatten().map(HostName::as_str).collect();
        if !hosts.is_empty() {
            add("receiver.operator_hosts", hosts.join(", "));
        }
        add("receiver.retention", options.retention.map_or_else(|| "unlimited".to_owned(), |age| age.to_string()));
        if self.has(Role::Reconcile) {
            let interval =
                self.interval.map_or_else(|| "default".to_owned(), |interval| format!("{} s", interval.as_secs()));
            add("receiver.reconcile_interval", interval);
            let listings = self.listings.as_ref().map(|(interval, _)| format!("{} s", interval.as_secs()));
            add("receiver.listings_interval", listings.unwrap_or_else(|| "off".to_owned()));
        }
        add("database", if self.database.is_embedded() { "embedded" } else { "given" }.to_owned());
        add("data.dir", self.data.path().display().to_string());
        if let Some(file) = &self.context.loaded.file {
            add("configuration file", file.display().to_string());
        }
        settings
    }
}
