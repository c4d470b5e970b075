//! `transform keys`: who may ask the server.

use crate::schema::assert_valid;
use crate::spool::{Ran, Spool};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Stdio};

fn spool() -> Spool {
    Spool::without_model().set("serve.keys=keys.toml")
}

fn keys(spool: &Spool, args: &[&str]) -> Ran {
    spool.run(&[&["keys"], args].concat())
}

/// Adds a key, and returns it.
fn add(spool: &Spool, args: &[&str]) -> String {
    let ran = keys(spool, &[&["add"], args].concat()).exits(0);
    ran.stdout.strip_suffix('\n').unwrap().into()
}

fn list(spool: &Spool) -> Vec<Value> {
    let all = keys(spool, &["list", "--json"]).exits(0).json();
    assert_valid("keys", &all);
    all.as_array().unwrap().clone()
}

fn file(spool: &Spool) -> String {
    fs::read_to_string(spool.path("keys.toml")).unwrap()
}

fn id(key: &Value) -> &str {
    key["id"].as_str().unwrap()
}

#[test]
fn a_key_is_shown_once_and_stored_nowhere() {
    let spool = spool();
    let flags = [
        "--rate=10/s",
        "--burst=20",
        "--quota=10000/day",
        "--expires=90d",
        "--groups=churn,fraud",
    ];
    let ran = keys(&spool, &[&["add", "shop"][..], &flags].concat()).exits(0);
    let key = ran.stdout.strip_suffix('\n').unwrap();
    assert!(
        key.starts_with("tfk_") && key.len() == 51 && !key.contains('\n'),
        "{ran:?}"
    );
    assert!(!ran.stderr.contains(key));
    let ran = Ran {
        code: ran.code,
        stdout: String::new(),
        stderr: ran.stderr.clone(),
    };
    let ran = ran.says("10/s (burst 20), 10000/day, groups churn, fraud");
    ran.says("no model group \"churn\" yet").says("the only time");

    let text = file(&spool);
    assert!(!text.contains(key) && !text.contains(&key[4..20]), "{text}");
    let mode = spool.path("keys.toml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let table = keys(&spool, &["list"]).exits(0);
    assert!(!table.stdout.contains(&key[4..20]), "{table:?}");
    let [one] = &list(&spool)[..] else { panic!() };
    assert!(!one.to_string().contains(&key[4..20]));
    for (field, value) in [
        ("name", "shop"),
        ("state", "valid"),
        ("rate", "10/s"),
        ("quota", "10000/day"),
    ] {
        assert_eq!(one[field], value);
    }
    assert_eq!(one["groups"], serde_json::json!(["churn", "fraud"]));
    table.says(id(one)).says("10/s (burst 20)").says("churn, fraud");
    assert_eq!(spool.names("").iter().filter(|name| name.contains("keys")).count(), 1);
}

/// A second key without flags would have had no limits, and all groups.
#[test]
fn a_rotation_keeps_the_limits_and_has_two_valid_keys_until_one_is_revoked() {
    let spool = spool();
    let old = add(
        &spool,
        &["shop", "--rate=10/s", "--burst=20", "--quota=5/day", "--groups=lines"],
    );
    let ran = keys(&spool, &["add", "shop"]).exits(0).says("two valid keys now");
    let first = list(&spool);
    let limits = |key: &Value| ["rate", "burst", "quota", "groups"].map(|field| key[field].clone());
    assert_eq!(limits(&first[0]), limits(&first[1]));
    assert_ne!(ran.stdout.trim(), old);
    // What it says to do next does it.
    let command = format!("transform keys revoke shop {} --config", id(&first[0]));
    assert!(ran.stderr.contains(&command), "{ran:?}");
    keys(&spool, &["add", "shop"]).exits(64).says("two are valid already");
    keys(&spool, &["revoke", "shop"])
        .exits(64)
        .says("which one?")
        .says(id(&first[1]));
    keys(&spool, &["revoke", "shop", "zz"])
        .exits(64)
        .says("no key of shop has an id that begins so");
    let ran = keys(&spool, &["revoke", "shop", &id(&first[0])[..6], "--reason", "rotated"]).exits(0);
    ran.says(id(&first[0]))
        .says(&format!("another valid key: {}", id(&first[1])));
    let now = list(&spool);
    assert_eq!(
        (&now[0]["state"], &now[1]["state"]),
        (&"revoked".into(), &"valid".into())
    );
    assert_eq!(now[0]["revoked"]["reason"], "rotated");
    assert!(now[0]["revoked"]["by"].as_str().unwrap().contains('@'));
    keys(&spool, &["list"]).exits(0).says("revoked: rotated");

    // What is said counts, and a burst goes with its rate.
    add(&spool, &["shop", "--rate=1/min", "--quota=none", "--groups=*"]);
    let third = &list(&spool)[2];
    assert_eq!((&third["rate"], &third["burst"]), (&"1/min".into(), &1.into()));
    assert!(third["quota"].is_null() && third["groups"].is_null());
}

#[test]
fn a_key_is_revoked_once_and_by_its_name() {
    let spool = spool();
    keys(&spool, &["revoke", "shop"])
        .exits(64)
        .says("no key has the name shop; 'transform keys list' shows them");
    add(&spool, &["shop"]);
    keys(&spool, &["revoke", "shpo"]).exits(64).says("did you mean shop?");
    keys(&spool, &["revoke", "shop"]).exits(0).says("no valid key left");
    keys(&spool, &["revoke", "shop"])
        .exits(64)
        .says("no key of shop is valid any more");
    let id = id(&list(&spool)[0]).to_string();
    keys(&spool, &["revoke", "shop", &id]).exits(64).says("was revoked");
    // Whose key leaked gets another one, with the same limits or others.
    add(&spool, &["shop"]);
    assert_eq!(list(&spool).len(), 2);
}

#[test]
fn what_cannot_be_meant_is_refused_and_makes_no_file() {
    let spool = spool();
    for (args, message) in [
        (&["add", "a b"][..], "not a name"),
        (&["add", ""], "not a name"),
        (&["add", "-x"], "unexpected argument"),
        (&["add", "shop", "--rate=10"], "not a rate"),
        (&["add", "shop", "--rate=10/day"], "is a quota"),
        (&["add", "shop", "--quota=10/hour"], "is a rate"),
        (&["add", "shop", "--burst=5"], "it goes with a rate"),
        (&["add", "shop", "--rate=1/s", "--burst=0"], "0 is not in 1..=1000000"),
        (&["add", "shop", "--expires=2020-01-01"], "it is past"),
        (&["add", "shop", "--expires=soon"], "neither a duration"),
        (&["add", "shop", "--groups=a/b"], "a/b"),
        (&["add", "shop", "--groups=a,*"], "no folder's name"),
        (&["add", "shop", "--groups="], "no folder's name"),
        (&["add", "shop", "--sha256=abc"], "64 hexadecimal digits"),
    ] {
        keys(&spool, args).exits(64).says(message);
        assert!(!spool.path("keys.toml").exists(), "{args:?}");
    }
    keys(&spool, &["list"])
        .exits(64)
        .says("there is no such file")
        .says("transform keys add NAME");
}

/// Clients of the gateway before keep the key that they have.
#[test]
fn a_key_of_another_gateway_is_taken_in_by_its_digest() {
    let spool = spool();
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let ran = keys(&spool, &["add", "shop", "--sha256", digest]).exits(0);
    assert_eq!(ran.stdout, "");
    assert_eq!(id(&list(&spool)[0]), &digest[..12]);
    keys(&spool, &["add", "desk", "--sha256", digest])
        .exits(64)
        .says("in the file already: shop's");
}

#[test]
fn a_file_of_format_1_is_read_as_it_was_meant() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys-1.toml");
    let spool = spool();
    fs::copy(golden, spool.path("keys.toml")).unwrap();
    let all = list(&spool);
    let row = |key: &Value| {
        ["name", "id", "state", "rate", "burst", "quota"]
            .map(|field| key[field].to_string())
            .join(" ")
    };
    assert_eq!(
        all.iter().map(row).collect::<Vec<_>>(),
        [
            r#""all" "85550aeb112d" "valid" null null null"#,
            r#""desk" "e948a73eb165" "revoked" "100/h" 100 "1000000/month""#,
            r#""shop" "57ba498a1f8a" "valid" "10/s" 20 "10000/day""#,
            r#""shop" "0fb6f8c83da7" "expired" "600/min" 600 "50000/week""#,
        ]
    );
    assert_eq!(all[1]["revoked"]["reason"], "leaked");
    assert_eq!(all[2]["expires"], "2999-02-24T18:00:00Z");
    // Written again, it means the same.
    add(&spool, &["new"]);
    let again = list(&spool);
    assert_eq!(
        again
            .iter()
            .filter(|key| key["name"] != "new")
            .cloned()
            .collect::<Vec<_>>(),
        all
    );
}

/// Corrupt is not absent: nothing is added to what can't be read, and nothing of it is lost.
#[test]
fn a_damaged_file_is_named_by_its_line_and_left_as_it_is() {
    let spool = spool();
    add(&spool, &["shop", "--rate=10/s", "--burst=20"]);
    let whole = file(&spool);
    let digest = whole.lines().find_map(|line| line.strip_prefix("sha256 = ")).unwrap();
    let line = |words: &str| 1 + whole.lines().position(|line| line.starts_with(words)).unwrap();
    let again = format!("\n[[key]]\nname = \"desk\"\nsha256 = {digest}\n");
    let end = whole.lines().count() + 2;
    for (text, message) in [
        (
            whole.replace("10/s", "10/day"),
            format!("line {}, column 8: \"10/day\"", line("rate")),
        ),
        (
            whole.replace("rate =", "rat ="),
            format!("line {}, column 1: unknown field `rat`", line("rate")),
        ),
        (
            whole.replace("rate = \"10/s\"\n", ""),
            "it has a burst, and no rate".into(),
        ),
        (
            whole.replace("burst = 20", "burst = 0"),
            "burst: not a number from 1 to 1000000".into(),
        ),
        (
            whole.replace(digest, "\"abc\""),
            format!("line {}, column 10: not the SHA-256", line("sha256")),
        ),
        (
            whole.replace("\"shop\"", "\"shop!\""),
            format!("line {}, column 8: not a name", line("name")),
        ),
        (whole.clone() + "groups = []\n", "leave the key out for all".into()),
        (
            whole.clone() + "groups = [\"a/b\"]\n",
            "\"a/b\" is no model group's name".into(),
        ),
        (whole.clone() + "expires = \"soon\"\n", format!("line {}", end - 1)),
        (
            whole.clone() + &again,
            format!("line {end}, column 1: the key of desk: the same sha256 as that of shop"),
        ),
        (
            whole.replace("format_version = 1", "format_version = 2"),
            "format_version 2 is not known".into(),
        ),
        (whole[..whole.len() / 2].into(), "line".into()),
        (String::new(), "missing field `format_version`".into()),
    ] {
        fs::write(spool.path("keys.toml"), &text).unwrap();
        for args in [&["list"][..], &["add", "desk"], &["revoke", "shop"]] {
            keys(&spool, args)
                .exits(64)
                .says("keys.toml: ")
                .says(&message)
                .says("TROUBLESHOOTING.md");
        }
        assert_eq!(file(&spool), text);
    }
    fs::write(spool.path("keys.toml"), [b'#', 0xff]).unwrap();
    keys(&spool, &["list"]).exits(64).says("UTF-8");
    fs::remove_file(spool.path("keys.toml")).unwrap();
    fs::create_dir(spool.path("keys.toml")).unwrap();
    keys(&spool, &["add", "shop"]).exits(64).says("not a file");
}

/// Each read the file, and wrote it without what the others had added.
#[test]
fn people_who_add_keys_at_once_lose_none() {
    let spool = spool();
    let names: Vec<String> = (0..12).map(|i| format!("caller-{i:02}")).collect();
    let start = |name: &String| -> Child {
        let mut command = spool.command(&["keys", "add", name]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let started: Vec<Child> = names.iter().map(start).collect();
    for mut child in started {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(
        list(&spool)
            .iter()
            .map(|key| key["name"].as_str().unwrap())
            .collect::<Vec<_>>(),
        names
    );
}

/// Killed at any point, above all between the draft and its rename: the file is the one before or the one after.
#[test]
fn who_is_killed_over_a_key_leaves_the_file_whole() {
    let spool = spool();
    add(&spool, &["shop"]);
    let draft = spool.path("keys.toml.tmp");
    let (mut killed_over_a_draft, mut before) = (0, 1);
    for round in 0..400 {
        let mut command = spool.command(&["keys", "add", &format!("caller-{round}")]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !draft.exists() && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed_over_a_draft += u32::from(draft.exists());
        let after = file(&spool).matches("[[key]]").count();
        assert!(after == before || after == before + 1, "{before} {after}");
        before = after;
        if killed_over_a_draft >= 3 {
            break;
        }
    }
    assert_eq!(list(&spool).len(), before);
    // What was left of a draft is in nobody's way.
    fs::write(&draft, "half").unwrap();
    add(&spool, &["desk"]);
    assert_eq!(list(&spool).len(), before + 1);
    assert!(!draft.exists());
}

/// Root added a key, and the server of another user answered 503 to all.
#[test]
fn a_file_that_root_makes_goes_to_its_folders_group_or_is_said_to_be_roots_alone() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let spool = spool();
    let note = "note: only root may read keys.toml";
    keys(&spool, &["add", "shop"]).exits(0).says(note);
    let ran = keys(&spool, &["add", "desk"]).exits(0);
    assert!(!ran.stderr.contains(note), "said once: {ran:?}");
    fs::remove_file(spool.path("keys.toml")).unwrap();
    std::os::unix::fs::chown(spool.path(""), None, Some(4343)).unwrap();
    let ran = keys(&spool, &["add", "shop"]).exits(0);
    assert!(!ran.stderr.contains(note), "{ran:?}");
    let file = spool.path("keys.toml").metadata().unwrap();
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (0, 4343, 0o640));
}

#[test]
fn rights_that_somebody_gave_the_file_and_a_link_to_it_are_kept() {
    let spool = spool();
    add(&spool, &["shop"]);
    fs::create_dir(spool.path("safe")).unwrap();
    fs::rename(spool.path("keys.toml"), spool.path("safe/keys.toml")).unwrap();
    fs::set_permissions(spool.path("safe/keys.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("safe/keys.toml", spool.path("keys.toml")).unwrap();
    add(&spool, &["desk"]);
    assert_eq!(list(&spool).len(), 2);
    assert!(spool.path("keys.toml").is_symlink());
    let mode = spool.path("safe/keys.toml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// It would be valid, and nobody would have it.
#[test]
fn a_key_that_could_not_be_shown_is_said_to_be_of_no_use() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let spool = spool();
    let mut command = spool.command(&["keys", "add", "shop"]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let out = command.stdout(full).output().unwrap();
    let stderr = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(64));
    let command = format!("transform keys revoke shop {}", id(&list(&spool)[0]));
    assert!(stderr.contains(&command), "{stderr}");
}
