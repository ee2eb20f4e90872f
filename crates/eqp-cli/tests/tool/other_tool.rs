//! Another program that changes an account's registrations.

use eqp_client::Client;
use eqp_client::users::ProfileUpdate;
use eqp_simulator::Simulator;
use serde_json::Value;

/// Another tool with the account's key, which ignores all other entries.
pub(crate) struct OtherTool(Client);

impl OtherTool {
    pub(crate) fn of(simulator: &Simulator) -> Self {
        let client = Client::builder(simulator.environment(), simulator.api_key().clone())
            .api_url(simulator.base_url().parse().unwrap())
            .trusted_ca_pem(simulator.ca_pem())
            .build()
            .unwrap();
        Self(client)
    }

    pub(crate) async fn overwrites(&self, list: Value) {
        let mut update = ProfileUpdate::default();
        update.fields.insert("api_callbacks".to_owned(), list);
        self.0.users().put(&update).await.unwrap();
    }

    pub(crate) async fn usernames(&self) -> Vec<String> {
        let list = self.0.callbacks().list().await.unwrap();
        list.iter().filter_map(|entry| entry.known()?.username.clone()).collect()
    }
}
