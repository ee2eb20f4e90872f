//! Answers of the Marketplace, or of what stands in front of it, that do not say what they seem to.

use serde_json::{Value, json};

use crate::market::Market;

#[tokio::test(flavor = "multi_thread")]
async fn an_error_body_with_http_200_is_never_shown_as_an_empty_success() {
    let market = Market::open().await;
    for arguments in [
        &["whoami"][..],
        &["keys", "list"],
        &["packages", "show", "s1"],
        &["packages", "list"],
        &["packages", "report", "s1"],
        &["files", "list"],
        &["files", "show", "1.2.3"],
        &["reports", "sales"],
    ] {
        market.simulator.add_fault("error-body=1210".parse().unwrap());
        for options in [&[][..], &["--json"]] {
            let refused = market.home.run_aside(&[arguments, options].concat());
            assert_eq!((refused.code, refused.stdout.as_str()), (5, ""), "{arguments:?}: {refused:?}");
            assert!(refused.stderr.contains("1210"), "{arguments:?}: {refused:?}");
        }
        market.simulator.clear_faults();
    }
    // The token call itself.
    market.simulator.add_fault("error-body=1210 call=session.token".parse().unwrap());
    let refused = market.home.run_aside(&["whoami"]);
    assert!(refused.code == 5 && refused.stdout.is_empty(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_a_key_reports_what_the_marketplace_says() {
    let market = Market::open().await;
    let home = &market.home;
    assert_eq!(home.run_aside(&["keys", "create", "build"]).code, 0);
    let disabled = home.run_aside(&["keys", "disable", "build", "--json"]);
    let told: Value = serde_json::from_str(&disabled.stdout).unwrap();
    assert_eq!((disabled.code, &told["is_enabled"]), (0, &json!(false)), "{disabled:?}");
    assert!(home.run_aside(&["keys", "enable", "build"]).stdout.contains("build is enabled"));
    assert_eq!(home.run_aside(&["keys", "disable", "nobody"]).code, 4);
    market.simulator.add_fault("error-body=1210 call=keys.update".parse().unwrap());
    let refused = home.run_aside(&["keys", "disable", "build"]);
    assert!(refused.code == 5 && !refused.stdout.contains("disabled"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_fails_is_named_without_its_credentials() {
    let mut market = Market::open().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    market.home.set("HTTPS_PROXY", format!("http://ada:hush-proxy@{free}"));
    let refused = market.home.run_aside(&["whoami"]);
    assert_eq!(refused.code, 7, "{refused:?}");
    assert!(refused.stderr.contains(&format!("through the proxy http://{free}")), "{refused:?}");
    assert!(!refused.stderr.contains("hush-proxy"), "{refused:?}");
    market.home.set("NO_PROXY", "127.0.0.1");
    assert_eq!(market.home.run_aside(&["whoami"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewalls_page_is_not_blamed_on_the_access_key() {
    let market = Market::open().await;
    market.simulator.add_fault("status=403,html".parse().unwrap());
    let blocked = market.home.run_aside(&["whoami"]);
    assert_eq!(blocked.code, 7, "{blocked:?}");
    assert!(blocked.stderr.contains("firewall") && !blocked.stderr.contains("EQP_APPLICATION_ID"), "{blocked:?}");
    market.simulator.clear_faults();
    market.simulator.add_fault("status=403".parse().unwrap());
    let refused = market.home.run_aside(&["whoami"]);
    assert!(refused.code == 3 && refused.stderr.contains("EQP_APPLICATION_ID"), "{refused:?}");
}
