use std::net::TcpListener;

use eqp_simulator::{Error, Simulator};

use eqp_test_support::marketplace::TestMarketplace;

#[tokio::test]
async fn after_the_shutdown_nothing_listens() {
    let harness = TestMarketplace::new().await;
    harness.upload_one("a.png", vec![0]).await;
    let address = harness.simulator.address();
    let TestMarketplace { simulator, http, .. } = harness;
    drop(http);
    simulator.shutdown().await;
    TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn a_port_in_use_and_invalid_settings_are_errors() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert!(matches!(Simulator::builder().bind(address).start().await, Err(Error::Bind { .. })));
    assert!(matches!(Simulator::builder().speed(0.0).start().await, Err(Error::Speed(_))));
    let trusting = Simulator::builder().trust_pem("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----");
    assert!(matches!(trusting.start().await, Err(Error::TrustedCertificate(_))));
}

#[tokio::test]
async fn the_ca_is_stored_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut pems = Vec::new();
    for _ in 0..2 {
        let simulator = Simulator::builder().ca_folder(folder.path()).start().await.unwrap();
        pems.push(simulator.ca_pem().to_owned());
        simulator.shutdown().await;
    }
    assert_eq!(pems[0], pems[1]);
}
