//! Tests misleading responses of the Marketplace, or of a proxy in front of it.

use serde_json::{Value, json};

use crate::hostile_text::{Rewrite, Rewriter};
use eqp_test_support::vendor::TestVendor;

#[tokio::test(flavor = "multi_thread")]
async fn an_error_body_with_http_200_is_never_shown_as_an_empty_success() {
    let vendor = TestVendor::start(crate::EQP).await;
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
        vendor.simulator.add_fault("error-body=1210".parse().unwrap());
        for options in [&[][..], &["--json"]] {
            let refused = vendor.home.run_aside(&[arguments, options].concat());
            assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{arguments:?}: {refused:?}");
            assert!(refused.stderr.contains("1210"), "{arguments:?}: {refused:?}");
        }
        vendor.simulator.clear_faults();
    }
    // The call that requests the token.
    vendor.simulator.add_fault("error-body=1210 call=session.token".parse().unwrap());
    let refused = vendor.home.run_aside(&["whoami"]);
    assert!(refused.code == 1 && refused.stdout.is_empty(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_a_key_reports_what_the_marketplace_says() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    assert_eq!(home.run_aside(&["keys", "create", "build"]).code, 0);
    let disabled = home.run_aside(&["keys", "disable", "build", "--json"]);
    let reported: Value = serde_json::from_str(&disabled.stdout).unwrap();
    assert_eq!((disabled.code, &reported["is_enabled"]), (0, &json!(false)), "{disabled:?}");
    assert!(home.run_aside(&["keys", "enable", "build"]).stdout.contains("build is enabled"));
    assert_eq!(home.run_aside(&["keys", "disable", "nobody"]).code, 4);
    vendor.simulator.add_fault("error-body=1210 call=keys.update".parse().unwrap());
    let refused = home.run_aside(&["keys", "disable", "build"]);
    assert!(refused.code == 5 && !refused.stdout.contains("disabled"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_contradicts_the_request_or_does_not_say_is_reported_with_exit_code_1() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    assert_eq!(vendor.home.run_aside(&["keys", "create", "build"]).code, 0);
    let rewriter = Rewriter::start(vendor.simulator.base_url(), vendor.simulator.ca_pem());
    vendor.home.set("EQP_API_URL", rewriter.url.as_str());
    vendor.home.set("EQP_CA_FILE", vendor.home.write("rewriter.pem", &rewriter.ca_pem).display().to_string());
    for (rewrite, command, said, why) in [
        (Rewrite::KeysOpposite, "disable", json!(true), "the Marketplace reports enabled"),
        (Rewrite::KeysOpposite, "enable", json!(false), "the Marketplace reports disabled"),
        (Rewrite::KeysSilent, "disable", json!(null), "the Marketplace did not report its state"),
    ] {
        rewriter.set(rewrite);
        let ended = vendor.home.run_aside(&["keys", command, "build"]);
        assert!(ended.code == 1 && ended.stderr.contains(why), "{rewrite:?}: {ended:?}");
        let wanted = format!("build is {command}d");
        assert!(!ended.stdout.contains(&wanted), "{rewrite:?}: {ended:?}");
        let ended = vendor.home.run_aside(&["keys", command, "build", "--json"]);
        let reported: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((ended.code, &reported["is_enabled"]), (1, &said), "{rewrite:?}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_fails_is_named_without_its_credentials() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    vendor.home.set("HTTPS_PROXY", format!("http://ada:hush-proxy@{free}"));
    let refused = vendor.home.run_aside(&["whoami"]);
    assert_eq!(refused.code, 7, "{refused:?}");
    assert!(refused.stderr.contains(&format!("through the proxy http://{free}")), "{refused:?}");
    assert!(!refused.stderr.contains("hush-proxy"), "{refused:?}");
    assert!(refused.stderr.contains("check HTTPS_PROXY") && refused.stderr.contains("NO_PROXY"), "{refused:?}");
    vendor.home.set("NO_PROXY", "127.0.0.1");
    assert_eq!(vendor.home.run_aside(&["whoami"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewalls_page_is_not_blamed_on_the_access_key() {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.simulator.add_fault("status=403,html".parse().unwrap());
    let blocked = vendor.home.run_aside(&["whoami"]);
    assert_eq!(blocked.code, 7, "{blocked:?}");
    assert!(blocked.stderr.contains("firewall") && !blocked.stderr.contains("EQP_APPLICATION_ID"), "{blocked:?}");
    vendor.simulator.clear_faults();
    vendor.simulator.add_fault("status=403".parse().unwrap());
    let refused = vendor.home.run_aside(&["whoami"]);
    assert!(refused.code == 3 && refused.stderr.contains("EQP_APPLICATION_ID"), "{refused:?}");
}
