//! Who has what, to the cent, after every way out of every phase, and once the room has ended.

use crate::actions::named;
use crate::scene::Scene;
use blazing_sun_domain::room::RoomStatus;

/// The ways into each phase: ann hosts and has a seat, and so has bob.
const PHASES: [(&str, &str); 4] = [
    (
        "selecting",
        "ann create bigger_dice 3; bob join; cid join; ann select ann; ann select bob",
    ),
    (
        "filled",
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready",
    ),
    (
        "revealing",
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready seed; bob ready seed; ann reveal",
    ),
    (
        "playing",
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready",
    ),
];

/// What happens, and what ann, bob and the escrow have then in each phase; `refused` where the rules
/// do not let it happen.
const TABLE: [(&str, &str, [&str; 4]); 10] = [
    (
        "the host leaves",
        "ann leave",
        [
            "5000 4000 1000",
            "5000 4000 1000",
            "5000 4000 1000",
            "4000 4000 2000",
        ],
    ),
    (
        "the other leaves",
        "bob leave",
        [
            "4000 5000 1000",
            "4000 5000 1000",
            "4000 5000 1000",
            "4000 4000 2000",
        ],
    ),
    (
        "all leave",
        "ann leave; bob leave",
        [
            "5000 5000 0",
            "5000 5000 0",
            "5000 5000 0",
            "4000 4000 2000",
        ],
    ),
    (
        "both disconnect",
        "gone ann; gone bob",
        [
            "4000 4000 2000",
            "4000 4000 2000",
            "4000 4000 2000",
            "4000 4000 2000",
        ],
    ),
    (
        "both stay away",
        "gone ann; gone bob; deadline; wait 60000; deadline if due",
        [
            "5000 5000 0",
            "5000 5000 0",
            "5000 5000 0",
            "4000 4000 2000",
        ],
    ),
    (
        "kick",
        "ann kick bob",
        ["4000 5000 1000", "4000 5000 1000", "refused", "refused"],
    ),
    (
        "ban",
        "ann ban bob",
        ["4000 5000 1000", "4000 5000 1000", "refused", "refused"],
    ),
    (
        "deselect",
        "ann deselect bob",
        ["4000 5000 1000", "4000 5000 1000", "refused", "refused"],
    ),
    (
        "the deadline",
        "wait 30000; deadline",
        [
            "refused",
            "4000 5000 1000",
            "4000 5000 1000",
            "4000 4000 2000",
        ],
    ),
    (
        "a spectator is all that is left",
        "dan spectate; ann leave; bob leave",
        [
            "5000 5000 0",
            "5000 5000 0",
            "5000 5000 0",
            "4000 4000 2000",
        ],
    ),
];

fn balances(scene: &Scene) -> String {
    let of = |name| scene.money.of(named(name).user_id);
    format!("{} {} {}", of("ann"), of("bob"), scene.money.escrow)
}

/// Whether all of it could be done.
fn done(scene: &mut Scene, commands: &str) -> bool {
    commands.split(';').map(str::trim).all(|command| {
        if let Some(ms) = command.strip_prefix("wait ") {
            scene.now = scene.now.plus(ms.parse().unwrap());
            return true;
        }
        let is_due = scene.room().next_deadline().is_some();
        match command {
            "deadline" if !is_due => return false,
            "deadline if due" if !is_due => return true,
            _ => {}
        }
        let command = command.strip_suffix(" if due").unwrap_or(command);
        !scene.line(command).starts_with('!')
    })
}

/// Everyone goes, and all deadlines come.
fn end(scene: &mut Scene) {
    for name in ["ann", "bob", "cid", "dan"] {
        scene.line(&format!("{name} leave"));
    }
    while let Some(deadline) = scene.room().next_deadline() {
        scene.now = scene.now.max(deadline);
        scene.run("deadline");
    }
}

#[test]
fn every_way_out_of_every_phase_moves_the_money_where_it_belongs() {
    let (mut expected, mut found) = (String::new(), String::new());
    for (event, commands, outcomes) in TABLE {
        for ((phase, way), outcome) in PHASES.into_iter().zip(outcomes) {
            let mut scene = Scene::after(way);
            let was_done = done(&mut scene, commands);
            let after = if was_done {
                balances(&scene)
            } else {
                "refused".to_owned()
            };
            expected += &format!("{phase}, {event}: {outcome}\n");
            found += &format!("{phase}, {event}: {after}\n");

            end(&mut scene);
            let status = scene.room().status();
            let paid: Vec<_> = balances(&scene).split(' ').map(str::to_owned).collect();
            if phase == "playing" {
                assert_eq!(status, RoomStatus::Finished, "{phase}, {event}");
                let mut players = [paid[0].as_str(), paid[1].as_str()];
                players.sort_unstable();
                assert_eq!(players, ["4000", "5600"], "{phase}, {event}");
                assert_eq!(scene.money.rake, 400, "{phase}, {event}");
            } else {
                assert_eq!(status, RoomStatus::Abandoned, "{phase}, {event}");
                assert_eq!(paid[..2], ["5000", "5000"], "{phase}, {event}");
                assert_eq!(scene.money.rake, 0, "{phase}, {event}");
            }
            assert_eq!(scene.money.escrow, 0, "{phase}, {event}");
        }
    }
    assert!(found == expected, "expected:\n{expected}\nfound:\n{found}");
}
