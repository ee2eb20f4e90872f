//! Starts a simulator, prints commands to try, and then every callback that it sends, until Ctrl-C.
//!
//! `cargo run --package eqp-simulator --example rehearsal`

use eqp_simulator::{Script, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::builder().speed(30.0).script(Script::demo()).start().await?;
    let ca_file = std::env::temp_dir().join("eqp-simulator-ca.pem");
    std::fs::write(&ca_file, simulator.ca_pem())?;
    println!("# {} of {}\n\n{}", simulator.environment(), simulator.base_url(), simulator.walkthrough(&ca_file));
    let mut sent = simulator.subscribe_sent();
    loop {
        tokio::select! {
            callback = sent.recv() => {
                let callback = callback?;
                println!("{} {:?} -> {} in {:?}", callback.event, callback.result, callback.url, callback.latency);
            }
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    simulator.shutdown().await;
    Ok(())
}
