//! The exact fields of every event. A changed snapshot is a changed contract.

use crate::actions::player;
use crate::scene::Scene;
use blazing_sun_domain::room::events::schemas;
use blazing_sun_domain::room::{Action, PasswordCheck};
use std::collections::BTreeMap;

#[test]
fn every_event_as_it_stands_on_the_wire() {
    let scripts = [
        "ann create bigger_dice 3; ann invite eve; bob join; cid join; dan join; ann writes lobby hi; bob leave; bob join
         ann select ann; ann select bob; ann deselect bob; ann select bob; ann select cid
         ann ready seed; bob ready seed; cid ready; ann reveal; deadline
         bob leave; cid leave",
        "ann create bigger_dice 3; bob join; cid join; ann select bob; ann select cid
         bob ready seed; cid ready; ann start; bob reveal
         gone cid; sync cid; sync dan; bob auto on; bob auto off; deadline; deadline; sync bob",
        "ann create bigger_dice 2; bob join; ann leave; bob leave",
        "ann create bigger_dice 2; bob join; cid join; dan spectate; eve spectate; ann mute dan; ann unmute dan
         ann kick bob; ann ban cid; ann unban cid; ann kick spectator dan; eve stop spectating",
    ];
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for script in scripts {
        let mut scene = Scene::after(script);
        if scene.room().next_deadline().is_some() && script.contains("start") {
            while !scene.room().is_over() {
                scene.run("deadline");
            }
        }
        for event in &scene.events {
            shown.insert(event.name.to_string(), event.body.get().to_owned());
        }
    }
    let mut scene = Scene::after("ann create bigger_dice 2");
    for id in 101..=151 {
        let password = PasswordCheck::Absent;
        scene
            .decide(&player(id), Action::Spectate { password })
            .unwrap();
    }
    let crowd = scene.last("spectators_updated").to_string();
    shown.insert("spectators_updated".to_owned(), crowd);
    for name in schemas().keys() {
        assert!(shown.contains_key(*name), "no script causes {name}");
    }
    let lines: Vec<_> = shown
        .iter()
        .map(|(name, body)| format!("{name} {body}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_body_has_the_fields_of_its_schema() {
    let schemas = schemas();
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready seed; bob ready; ann reveal",
    );
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    for event in &scene.events {
        let Some(schema) = schemas.get(&*event.name) else {
            continue;
        };
        let body: serde_json::Map<_, _> = serde_json::from_str(event.body.get()).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        assert!(
            body.keys().all(|key| properties.contains_key(key)),
            "{}",
            event.name
        );
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(
                body.contains_key(required.as_str().unwrap()),
                "{} {required}",
                event.name
            );
        }
    }
}

#[test]
fn a_saved_room_reads_the_same_for_ever() {
    let scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob
         ann ready seed; bob ready; ann reveal; ann roll; gone bob",
    );
    insta::assert_snapshot!(crate::scene::text(&scene.room().save().unwrap()));
}

#[test]
fn a_saved_room_keeps_who_watches_and_who_may_not_come_or_speak() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; cid spectate; ann ban dan; ann mute bob; gone cid",
    );
    insta::assert_snapshot!(crate::scene::text(&scene.room().save().unwrap()));
    scene.run("ann leave; bob leave");
    let saved = scene.room().save().unwrap();
    assert!(
        crate::scene::text(&saved).contains(r#""stage":{"deserted":{"deadline":1705748400000}}"#)
    );
}
