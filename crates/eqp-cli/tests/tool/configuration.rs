//! `eqp.toml`, the environment, flags.

use crate::eqp::Home;

#[test]
fn an_unknown_key_names_the_nearest_and_its_line() {
    let home = Home::new();
    home.write("eqp.toml", "# ours\n\n[marketplace]\nenviroment = \"sandbox\"\n");
    let ended = home.run(&["whoami"]);
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(ended.stderr, @r"
    error: eqp.toml:4: unknown key `marketplace.enviroment`
      next: did you mean `marketplace.environment`?
    ");
}

#[test]
fn an_unknown_key_in_a_profile_or_at_the_top_is_found_too() {
    for (text, place) in [
        (
            "[profiles.test.receiver]\nlisten_on = \"127.0.0.1:1\"\n",
            "eqp.toml:2: unknown key `profiles.test.receiver.listen_on`",
        ),
        ("[databse]\nurl = \"postgres:///eqp\"\n", "eqp.toml:1: unknown key `databse`"),
    ] {
        let home = Home::new();
        home.write("eqp.toml", text);
        let ended = home.run(&["whoami"]);
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains(place), "{}", ended.stderr);
        assert!(ended.stderr.contains("did you mean"), "{}", ended.stderr);
    }
}

#[test]
fn a_value_of_the_wrong_kind_names_its_line() {
    let home = Home::new();
    home.write("eqp.toml", "[marketplace]\nenvironment = \"moon\"\n");
    let ended = home.run(&["whoami"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("eqp.toml:2") && ended.stderr.contains("`moon`"), "{}", ended.stderr);
}

#[test]
fn flags_beat_the_environment_which_beats_the_profile_which_beats_the_file() {
    let mut home = Home::new();
    home.configure(
        "[marketplace]\nca_file = \"of-file.pem\"\n[profiles.test.marketplace]\nca_file = \"of-profile.pem\"\n",
    );
    let is_read = |home: &Home, arguments: &[&str], file: &str| {
        let ended = home.run(&[&["whoami"], arguments].concat());
        assert_eq!(ended.code, 2);
        assert!(
            ended.stderr.contains("cannot read the certificate ") && ended.stderr.contains(file),
            "{}",
            ended.stderr
        );
    };
    is_read(&home, &[], "of-file.pem");
    is_read(&home, &["--profile", "test"], "of-profile.pem");
    home.set("EQP_CA_FILE", "of-environment.pem");
    is_read(&home, &["--profile", "test"], "of-environment.pem");
    is_read(&home, &["--profile", "test", "--ca-file", "of-flag.pem"], "of-flag.pem");
}

#[test]
fn a_profile_that_is_not_there_is_refused() {
    let home = Home::new();
    home.configure("[profiles.live.marketplace]\nenvironment = \"production\"\n");
    let ended = home.run(&["whoami", "--profile", "lively"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("it has live"), "{}", ended.stderr);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let ended = Home::new().run(&["whoami", "--config", "other.toml"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("other.toml"), "{}", ended.stderr);
}

#[test]
fn a_certificate_without_its_key_is_refused_before_anything_starts() {
    let home = Home::new();
    let ended = home.run(&["serve", "--tls-cert", "chain.pem"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--tls-key"), "{}", ended.stderr);
    assert!(!home.path().join("data").exists());
}
