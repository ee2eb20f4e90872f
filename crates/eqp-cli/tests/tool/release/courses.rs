//! Tests the results of releases.

use eqp_simulator::{Decision, Review, Scan, Step};
use eqp_test_support::submission::Submission;
use serde_json::json;

use crate::terminal::Terminal;

use super::fixture::{Fixture, WITHOUT_PHPCS, at_once, only_scans, reads, result, reviewed};

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_goes_from_this_machine_to_the_store() {
    let fixture = Fixture::open(at_once()).await;
    let ended = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let handle = ended.stdout.trim();
    assert_eq!(fixture.look().package(handle).unwrap().status.to_string(), "released_to_store/approved/approved");
    for reported in ["checked submission.zip", "uploaded submission.zip as ", "created acme/module-badges 1.2.0 as "] {
        assert!(ended.stderr.contains(reported), "{reported}: {}", ended.stderr);
    }
    assert!(ended.stderr.contains("overall released_to_store"), "{}", ended.stderr);

    // With the handle, another machine can wait. A repeated release has nothing left to do.
    let waited = fixture.home.run_aside(&["wait", handle, "--timeout", "30s"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    let again = fixture.release(&["--until", "released", "--json"]);
    assert_eq!(
        (again.code, &result(&again)["result"], &result(&again)["handle"]),
        (0, &json!("reached"), &json!(handle))
    );
    let snapshot = fixture.look();
    assert_eq!((snapshot.accounts[0].packages.len(), snapshot.accounts[0].files.len()), (1, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_a_line_moves_and_what_is_done_stays() {
    let fixture = Fixture::open(only_scans()).await;
    let arguments =
        ["release", "submission.zip", "--manifest", "release.toml", "--until", "released", "--timeout", "1s"];
    let arguments = [&arguments[..], &WITHOUT_PHPCS].concat();
    let shown = tokio::task::block_in_place(|| Some(Terminal::start_on("xterm", &fixture.home, &arguments)?.end()));
    let Some((code, screen)) = shown else { return };
    assert_eq!(code, 6, "{screen}");
    let id = fixture.look().accounts[0].packages[0].submission_id.to_string();
    for reported in ["uploaded submission.zip as ", "submitted ", "waiting for the review of ", id.as_str()] {
        assert!(screen.contains(reported), "{reported}: {screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_waited_for_as_far_as_was_asked() {
    // Reviews do not advance automatically, so that only the requested end can occur.
    for (until, outcome) in [("none", "pending"), ("scan", "pending")] {
        let fixture = Fixture::open(only_scans()).await;
        let ended = fixture.release(&["--until", until, "--json"]);
        assert_eq!((ended.code, &result(&ended)["result"]), (0, &json!(outcome)), "{until}: {ended:?}");
        assert_eq!(fixture.status(), "in_progress/in_automation/awaiting_marketing_review");
        let again = fixture.release(&["--until", until, "--json"]);
        assert_eq!((again.code, &result(&again)["result"]), (0, &json!("pending")), "{again:?}");
    }
    for (until, step, flow) in
        [("technical", Step::TechnicalApproved, "technical"), ("marketing", Step::MarketingApproved, "marketing")]
    {
        let fixture = Fixture::open(only_scans()).await;
        let mut running = fixture.start(&["--until", until, "--progress", "json"]);
        reads(&mut running, "review", "begins");
        let id = fixture.look().accounts[0].packages[0].submission_id.clone();
        if step == Step::MarketingApproved {
            fixture.simulator.step(&id, Step::MarketingStarted).unwrap();
        }
        fixture.simulator.step(&id, step).unwrap();
        let ended = tokio::task::block_in_place(|| running.end());
        let result = result(&ended);
        assert_eq!((ended.code, &result["result"]), (0, &json!("reached")), "{until}: {ended:?}");
        assert_eq!(result["eqp_status"][flow], json!("approved"));
        assert_eq!(result["eqp_status"]["overall"], json!("in_progress"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_comes_before_the_end_of_a_scan_is_sent_again_after_it_and_never_rejected() {
    // Without `--until none`, the release waits for the scan itself; with it, the Marketplace requires the wait.
    let fixture = Fixture::open(only_scans().scan("guide*", Scan::NeverEnds)).await;
    let mut running = fixture.start(&["--until", "none", "--progress", "json"]);
    reads(&mut running, "create", "done");
    reads(&mut running, "scan", "begins");
    assert_eq!(fixture.status(), "draft/draft/draft");
    let guide = fixture.look().accounts[0].files.iter().find(|file| file.filename == "guide.pdf").cloned().unwrap();
    fixture.simulator.end_scan(&guide.file_upload_id, true).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["result"]), (0, &json!("pending")), "{ended:?}");
    assert_eq!(fixture.status(), "in_progress/in_automation/awaiting_marketing_review");
    assert!(!ended.stderr.contains("refused"), "{}", ended.stderr);

    // A scan that never ends leads to a timeout, not to a rejection.
    let fixture = Fixture::open(only_scans().scan("guide*", Scan::NeverEnds)).await;
    let ended = fixture.release(&["--until", "none", "--timeout", "2s", "--json"]);
    assert_eq!((ended.code, &result(&ended)["result"]), (6, &json!("timed_out")), "{ended:?}");
    assert!(ended.stderr.contains("the malware scan of") && ended.stderr.contains("guide.pdf"), "{}", ended.stderr);

    // A failed scan is a rejection, and the file is not submitted.
    let fixture = Fixture::open(only_scans().scan("guide*", Scan::NeverEnds)).await;
    let mut running = fixture.start(&["--until", "none", "--progress", "json"]);
    reads(&mut running, "scan", "begins");
    let guide = fixture.look().accounts[0].files.iter().find(|file| file.filename == "guide.pdf").cloned().unwrap();
    fixture.simulator.end_scan(&guide.file_upload_id, false).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["result"]), (5, &json!("scan_failed")), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_create_and_update_wait_for_the_scan_and_send_again() {
    let fixture = Fixture::open(only_scans().scan("guide*", Scan::NeverEnds)).await;
    fixture.prepare(&Submission::module(), |listing| {
        listing["artifact"] = json!("submission.zip");
        listing["item_id"] = json!("badges");
        listing["action"] = json!({"technical": "submit"});
    });
    let too_long = fixture.home.run_aside(&["packages", "create", "release.toml", "--timeout", "1s"]);
    assert_eq!(too_long.code, 6, "{too_long:?}");
    assert!(too_long.stderr.contains("scan") && !too_long.stderr.contains("1321"), "{too_long:?}");

    for verb in ["create", "update"] {
        if verb == "update" {
            fixture.prepare(&Submission::module().file("a.txt", "other"), |listing| {
                listing["artifact"] = json!("submission.zip");
                listing["item_id"] = json!("badges");
                listing["action"] = json!({"technical": "submit"});
            });
            let recalled = fixture.home.run_aside(&["packages", "recall", "release.toml"]);
            assert_eq!(recalled.code, 0, "{recalled:?}");
        }
        let before = fixture.look().accounts[0].files.len();
        let running = fixture.home.start(&["packages", verb, "release.toml", "--json"]);
        let uploaded = fixture.until(|seen| seen.accounts[0].files.len() > before + 4).await;
        for file in uploaded.accounts[0].files.iter().filter(|file| file.filename == "guide.pdf") {
            fixture.simulator.end_scan(&file.file_upload_id, true).unwrap();
        }
        let ended = tokio::task::block_in_place(|| running.end());
        assert_eq!(ended.code, 0, "{verb}: {ended:?}");
        assert_eq!(result(&ended)["packages"][0]["code"], json!(200), "{verb}: {ended:?}");
        assert_eq!(fixture.status(), "in_progress/in_automation/draft", "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_review_alone_can_be_asked_for() {
    let fixture = Fixture::open(only_scans()).await;
    assert_eq!(fixture.release(&["--track", "technical"]).code, 0);
    assert_eq!(fixture.status(), "in_progress/in_automation/draft");
    assert_eq!(fixture.release(&["--track", "marketing"]).code, 0);
    assert_eq!(fixture.status(), "in_progress/in_automation/awaiting_marketing_review");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_clean_is_not_submitted() {
    let fixture = Fixture::open(at_once().scan("submission.zip", Scan::Fails)).await;
    for _ in 0..2 {
        let ended = fixture.release(&["--until", "released"]);
        assert_eq!(ended.code, 5, "{ended:?}");
        assert!(ended.stderr.contains("did not pass its malware scan") && ended.stderr.contains("submission.zip"));
        // Only the file exists so far, and waiting for it is possible too.
        let waited = fixture.home.run_aside(&["wait", ended.stdout.trim(), "--timeout", "30s"]);
        assert_eq!(waited.code, 5, "{waited:?}");
    }
    assert!(fixture.look().accounts[0].packages.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_and_reviewer_that_says_no_is_quoted() {
    for (tool, flow) in [
        ("phpcs", "technical"),
        ("varnish", "technical"),
        ("phpcpd", "technical"),
        ("manual_qa", "technical"),
        ("marketing", "marketing"),
        // An undocumented result.
        ("astrology", "technical"),
    ] {
        let fixture = Fixture::open(only_scans()).await;
        let mut running = fixture.start(&["--until", "released", "--progress", "json"]);
        let submitted = reads(&mut running, "submit", "done");
        let id = submitted["submission_id"].as_str().unwrap().to_owned();
        if tool == "manual_qa" || tool == "marketing" {
            let steps = if tool == "marketing" {
                &[Step::MarketingStarted][..]
            } else {
                &[Step::TechnicalQueued, Step::TechnicalStarted]
            };
            for step in steps {
                fixture.simulator.step(&id.parse().unwrap(), *step).unwrap();
            }
        }
        let reason = format!("The {tool} is not content");
        let outcome =
            json!({"flow": flow, "decision": "rejected", "reasons": [reason], "message": "Mend it.", "tool": tool});
        fixture.decide(&id, outcome).await;
        let ended = tokio::task::block_in_place(|| running.end());
        assert_eq!(ended.code, 5, "{tool}: {ended:?}");
        let reported = result(&ended);
        assert_eq!(reported["failed_tests"][0]["tool"], json!(tool), "{reported}");
        assert!(ended.stderr.contains(&format!("{flow} review rejected acme/module-badges 1.2.0")), "{}", ended.stderr);
        // phpcpd has no report.
        if tool != "phpcpd" {
            assert!(reported["failed_tests"].to_string().contains(&reason), "{reported}");
            assert!(ended.stderr.contains(&reason), "{}", ended.stderr);
        }
        // The rejection remains until something changes.
        let again = fixture.release(&["--until", "released"]);
        assert!(again.code == 5 && again.stderr.contains(tool), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_fixed_version_is_submitted_again() {
    let fixture = Fixture::open(reviewed(Review::default().marketing([Decision::Reject, Decision::Approve]))).await;
    let until_released = &["--until", "released", "--timeout", "60s"];
    assert_eq!(fixture.release(until_released).code, 5);
    assert_eq!(fixture.release(until_released).code, 5, "unchanged, it stays rejected");
    fixture.prepare(&Submission::module(), |listing| listing["name"] = json!("Badges for Products"));
    let fixed = fixture.release(until_released);
    assert_eq!(fixed.code, 0, "{fixed:?}");
    assert_eq!(fixture.status(), "released_to_store/approved/approved");

    let fixture = Fixture::open(reviewed(Review::default().technical([Decision::Reject, Decision::Approve]))).await;
    assert_eq!(fixture.release(until_released).code, 5);
    fixture.prepare(&Submission::module().file("Model/Label.php", "<?php\n"), |_| {});
    let fixed = fixture.release(until_released);
    assert_eq!(fixed.code, 0, "{fixed:?}");
    assert!(fixed.stderr.contains("guide.pdf is already uploaded as"), "{}", fixed.stderr);
    assert_eq!(fixture.status(), "released_to_store/approved/approved");

    let fixture = Fixture::open(reviewed(Review::default().technical([Decision::Reject, Decision::Approve]))).await;
    assert_eq!(fixture.release(until_released).code, 5);
    let resubmitted = fixture.release(&[until_released, &["--resubmit"][..]].concat());
    assert_eq!(resubmitted.code, 0, "{resubmitted:?}");
    assert_eq!(fixture.status(), "released_to_store/approved/approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_takes_out_while_it_is_waited_for_is_a_bad_end() {
    let fixture = Fixture::open(only_scans()).await;
    let mut running = fixture.start(&["--until", "released", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    fixture.simulator.step(&id, Step::CanceledByAdmin).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["result"]), (5, &json!("closed")), "{ended:?}");
    assert!(ended.stderr.contains("canceled_by_admin"), "{}", ended.stderr);

    // The same applies if the version was in the store only between two queries.
    let fixture = Fixture::open(only_scans()).await;
    let mut running = fixture.start(&["--until", "released", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    fixture.simulator.add_fault("status=503,html call=packages.get".parse().unwrap());
    let steps = [Step::TechnicalApproved, Step::MarketingStarted, Step::MarketingApproved, Step::Launched];
    for step in steps.into_iter().chain([Step::RemovedByAdmin]) {
        fixture.simulator.step(&id, step).unwrap();
    }
    fixture.simulator.clear_faults();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["result"]), (5, &json!("closed")), "{ended:?}");
    let again = fixture.release(&["--until", "released"]);
    assert!(again.code == 5 && again.stderr.contains("admin_removed_from_store"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_would_refuse_is_not_sent() {
    let fixture = Fixture::open(at_once()).await;
    fixture.prepare(&Submission::module().composer(|composer| composer["version"] = json!("1.2")), |listing| {
        listing["version"] = json!("1.2");
    });
    let ended = fixture.release(&[]);
    assert!(ended.code == 5 && ended.stderr.contains("composer-version"), "{ended:?}");
    assert!(fixture.look().accounts[0].files.is_empty());
    // The JSON output contains the result too.
    for form in [&["--json"][..], &["--progress", "json"]] {
        let ended = fixture.release(form);
        let reported = result(&ended);
        assert_eq!((ended.code, &reported["result"], &reported["handle"]), (5, &json!("check_failed"), &json!(null)));
        assert_eq!(reported["findings"][0]["rule"], json!("composer-version"), "{reported}");
    }
    let ended = fixture.release(&["--skip-check", "--until", "none"]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_uploaded_and_a_submission_that_is_made_can_be_released() {
    let fixture = Fixture::open(at_once()).await;
    let uploaded = fixture.home.run_aside(&["files", "upload", "submission.zip", "--json"]);
    let uploaded: serde_json::Value = serde_json::from_str(&uploaded.stdout).unwrap();
    let file = uploaded["files"][0]["file_upload_id"].as_str().unwrap();
    let ended =
        fixture.home.run_aside(&["release", "--manifest", "release.toml", "--file-id", file, "--until", "released"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(fixture.look().accounts[0].files.len(), 6);

    let fixture = Fixture::open(at_once()).await;
    // A draft with all its files, as created manually.
    fixture.prepare(&Submission::module(), |listing| {
        listing["artifact"] = json!("submission.zip");
    });
    let made = fixture.home.run_aside(&["packages", "create", "release.toml", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let id = made["packages"][0]["submission_id"].as_str().unwrap();
    let ended = fixture.home.run_aside(&["release", "--submission", id, "--until", "released", "--timeout", "60s"]);
    assert_eq!((ended.code, ended.stdout.trim()), (0, id), "{ended:?}");
    assert_eq!(fixture.home.run_aside(&["release", "--submission", "nowhere"]).code, 4);

    // A version that was created manually is found, although the manifest has no ID.
    let again = fixture.release(&["--until", "released"]);
    assert_eq!((again.code, again.stdout.trim()), (0, id), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_steps_and_sends_nothing() {
    let fixture = Fixture::open(only_scans()).await;
    let planned = fixture.release(&["--dry-run", "--until", "released"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    let folder = fixture.home.path().display().to_string();
    insta::assert_snapshot!(planned.stdout.replace(&folder, "[home]"), @r"
    would upload submission.zip, [home]/guide.pdf, [home]/install.pdf, [home]/icon.png, [home]/admin.png, [home]/store.png (production)
    would wait for the malware scan (production)
    would create acme/module-badges 1.2.0 (production)
    would submit acme/module-badges 1.2.0 for technical and marketing review (production)
    would wait for the release to the store (production)
    ");
    assert!(fixture.look().accounts[0].files.is_empty());
    assert_eq!(fixture.release(&[]).code, 0);
    let planned = fixture.release(&["--dry-run", "--json"]);
    assert_eq!(
        result(&planned)["steps"],
        json!(["acme/module-badges 1.2.0 is already submitted: nothing would be sent"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_marketplace_refuses_has_its_reason_and_leaves_a_draft_that_is_taken_up() {
    let fixture = Fixture::open(at_once()).await;
    fixture.prepare(&Submission::module(), |listing| listing["priority"] = json!("urgent"));
    let refused = fixture.release(&["--skip-check"]);
    assert!(refused.code == 5 && refused.stderr.contains("`priority` cannot be `urgent`"), "{refused:?}");
    fixture.prepare(&Submission::module(), |listing| listing["priority"] = json!("high"));
    let fixed = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(fixed.code, 0, "{fixed:?}");
    assert_eq!(fixture.status(), "released_to_store/approved/approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_left_in_the_manifest_is_refused_for_the_next_version() {
    let fixture = Fixture::open(at_once()).await;
    fixture.prepare(&Submission::module(), |listing| listing["item_id"] = json!("badges"));
    assert_eq!(fixture.release(&[]).code, 0);
    fixture.prepare(&Submission::module().composer(|composer| composer["version"] = json!("1.3.0")), |listing| {
        listing["item_id"] = json!("badges");
    });
    let ended = fixture.release(&[]);
    assert!(ended.code == 2 && ended.stderr.contains("badges is version 1.2.0"), "{ended:?}");
}
