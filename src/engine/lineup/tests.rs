#![expect(clippy::disallowed_methods, reason = "the test plays a vandal")]

use super::*;
use crate::config;
use crate::monitor::Baseline;
use crate::monitor::baseline::Column;
use crate::registry::sample;
use crate::score::Split;
use std::fs;

/// A group of three versions, and a lineup of them: with a challenger, one that can't be used, and a shadow.
fn driver() -> (tempfile::TempDir, Config, Lineup, Baselines) {
    let models = tempfile::tempdir().unwrap();
    let registry = Registry::new(models.path(), "lines");
    (0..3).for_each(|_| sample::register(&registry));
    let text = format!(
        "[models]\npath = {:?}\ngroup = \"lines\"\n[monitor]\nkey = \"id\"\n",
        models.path()
    );
    let config = config::fuzz(&text).unwrap();
    let [champion, challenger, shadow] = [1, 2, 3].map(|version| registry.prove(version).unwrap());
    let split = Split::new("salt", (1, 3));
    let made_by = "who".to_string();
    let phase = Phase {
        number: 2,
        name: "trees/2".into(),
        split,
        since: -7,
        made_by,
    };
    let usable = score::Challenger {
        experiment: "trees".into(),
        identity: challenger.identity.clone(),
        model: Ok(challenger.model),
        key: "id".into(),
        phases: vec![phase],
        is_open: true,
        guards: vec!["psi".into()],
    };
    let unusable = score::Challenger {
        experiment: "lost".into(),
        model: Err("its file is damaged".into()),
        is_open: false,
        ..usable.clone()
    };
    let lineup = Lineup {
        champion,
        challengers: vec![unusable, usable],
        shadows: vec![score::Shadow {
            experiment: "beside".into(),
            member: shadow,
            key: Some("id".into()),
            since: 5,
            phase: 1,
            guards: Vec::new(),
        }],
        experiments: ["trees", "lost", "beside"].map(String::from).into(),
    };
    let baseline = |version, cells: &[f64]| {
        let baseline = Baseline::new(cells.len(), vec![Column::of_numbers("x", cells)]);
        registry.give_baseline(version, &baseline, sample::vote()).unwrap();
        registry.baseline(version).unwrap()
    };
    let baselines = Baselines {
        champion: baseline(1, &[1.0, 2.0]),
        challengers: vec![None, baseline(2, &[3.0, 4.0])],
    };
    (models, config, lineup, baselines)
}

#[test]
fn a_node_has_the_lineup_of_its_driver() {
    let (_models, config, lineup, baselines) = driver();
    let members = Members::of(&config, &lineup, &baselines);
    let text = serde_json::to_string(&members).unwrap();
    assert_eq!(serde_json::from_str::<Members>(&text).unwrap(), members);
    members.prove().unwrap();
    let here = scorer(&lineup.into(), &config.shape, &config.monitor.watch, &baselines);
    let there = members.open(&config.shape).unwrap();
    assert_eq!(format!("{:?}", there.lineup), format!("{:?}", here.lineup));
    assert_eq!(format!("{:?}", there.counter), format!("{:?}", here.counter));
    assert!(there.counter.is_some());
}

/// A decision that was made since then is the next pass's.
#[test]
fn rows_are_counted_by_the_drivers_baseline_whichever_is_in_force() {
    let (models, config, lineup, baselines) = driver();
    let registry = Registry::new(models.path(), "lines");
    let newer = Baseline::new(1, vec![Column::of_numbers("x", &[9.0])]);
    registry.give_baseline(1, &newer, sample::vote()).unwrap();
    let members = Members::of(&config, &lineup, &baselines);
    let there = members.open(&config.shape).unwrap();
    let here = scorer(&lineup.into(), &config.shape, &config.monitor.watch, &baselines);
    assert_eq!(format!("{:?}", there.counter), format!("{:?}", here.counter));
    let path = baselines.champion.unwrap().path;
    fs::remove_file(&path).unwrap();
    for error in [members.open(&config.shape).map(drop), members.prove()].map(Result::unwrap_err) {
        assert_eq!(error.code(), "engine_model");
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_version_that_is_another_one_is_refused_whichever_it_is() {
    for version in [1, 2, 3] {
        let (_models, config, lineup, baselines) = driver();
        let members = Members::of(&config, &lineup, &baselines);
        let manifest = config.models.path.join(format!("lines/{version}/model.toml"));
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(&manifest, text + "# another\n").unwrap();
        for error in [members.open(&config.shape).map(drop), members.prove()].map(Result::unwrap_err) {
            assert_eq!(error.code(), "engine_model", "{version}");
            assert!(error.to_string().contains("another one was proven"), "{error}");
        }
    }
}
