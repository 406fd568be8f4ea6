//! A cluster beside its floor: both are measured in turns, so that a machine that is faster or slower for a while is so
//! for both, and what is reported is the one divided by the other.

use super::figures::Figures;
use super::report::pace;
use super::{FloorOptions, RoomsOptions, floor, rooms};
use serde_json::{Value, json};

/// Compared by their names in both reports, which say the unit; with the digits that they are shown with.
const COMPARED: [(&str, usize); 4] = [
    ("commands_per_s", 0),
    ("p50_ms", 3),
    ("p90_ms", 3),
    ("p99_ms", 3),
];

/// What both are to carry.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The load on the cluster, and how often to measure.
    pub rooms: RoomsOptions,
    /// The floor's, on the same broker and database.
    pub floor: FloorOptions,
}

/// One turn of both.
struct Turn {
    floor: Value,
    cluster: Value,
}

/// Measures the floor, then the cluster, and so on.
pub fn run(options: &ClusterOptions) -> anyhow::Result<Figures> {
    let load_average = super::machine::load_average();
    let mut figures = Figures::new(title(options), asked(options));
    let mut turns = Vec::with_capacity(options.rooms.rounds);
    for _ in 0..options.rooms.rounds {
        let floor = floor(&FloorOptions {
            rounds: 1,
            ..options.floor.clone()
        })?;
        let cluster = rooms(&RoomsOptions {
            rounds: 1,
            ..options.rooms.clone()
        })?;
        figures.is_complete &= floor.is_complete && cluster.is_complete();
        turns.push(Turn {
            floor: floor.to_json(),
            cluster: cluster.to_json(),
        });
    }
    fill(&mut figures, options, &turns);
    figures.load_average = load_average;
    Ok(figures)
}

fn title(options: &ClusterOptions) -> String {
    let RoomsOptions {
        rooms,
        rate,
        rounds,
        seconds,
        ..
    } = &options.rooms;
    let pace = pace(*rate);
    format!(
        "a cluster beside its floor of two Kafka hops and one PostgreSQL commit: {rooms} rooms of 2, {pace}, {rounds} \
         rounds of {seconds} s each, in turns"
    )
}

fn asked(options: &ClusterOptions) -> Value {
    json!({
        "rooms": options.rooms.rooms,
        "rate": options.rooms.rate,
        "payload_bytes": options.rooms.payload_bytes,
        "floor_payload_bytes": options.floor.payload_bytes,
        "floor_partitions": options.floor.partitions,
    })
}

fn fill(figures: &mut Figures, options: &ClusterOptions, turns: &[Turn]) {
    figures.rounds = turns.len();
    for (name, digits) in COMPARED {
        let of = |value: &Value| median_of(value, name).unwrap_or_default();
        let floors = turns.iter().map(|turn| of(&turn.floor));
        figures.add(&format!("floor_{name}"), digits, floors);
        let clusters = turns.iter().map(|turn| of(&turn.cluster));
        figures.add(&format!("cluster_{name}"), digits, clusters);
        let ratios = turns
            .iter()
            .map(|turn| of(&turn.cluster) / of(&turn.floor).max(f64::MIN_POSITIVE));
        figures.add(&format!("{name}_ratio"), 2, ratios);
    }
    for watched in &options.rooms.watched {
        let name = format!("{}_us_per_command", watched.name);
        let each = |turn: &Turn| median_of(&turn.cluster, &name).unwrap_or_default();
        figures.add(&name, 1, turns.iter().map(each));
    }
    let load_tool = |turn: &Turn| {
        let cores = median_of(&turn.cluster, "load_tool_cores_used")?;
        let commands_per_s = median_of(&turn.cluster, "commands_per_s")?;
        Some(cores * 1e6 / commands_per_s.max(1.0))
    };
    figures.add_visible("load_tool_us_per_command", 1, turns.iter().map(load_tool));
    let steal = |turn: &Turn| median_of(&turn.cluster, "steal_cores");
    figures.add_visible("steal_cores", 2, turns.iter().map(steal));
    for name in ["lost", "doubled", "errors"] {
        let both = turns.iter().flat_map(|turn| [&turn.floor, &turn.cluster]);
        let counts = both.filter_map(|value| value[name].as_u64());
        figures.count(name, counts.sum(), true);
    }
    for turn in turns {
        for error in turn.cluster["first_errors"]
            .as_array()
            .into_iter()
            .flatten()
        {
            figures.error(error.as_str().unwrap_or_default());
        }
        for note in turn.cluster["notes"].as_array().into_iter().flatten() {
            let note = note.as_str().unwrap_or_default();
            if !figures.notes.iter().any(|known| known == note) {
                figures.notes.push(note.to_owned());
            }
        }
    }
    if let Some(last) = turns.last() {
        figures.limited_by = last.cluster["limited_by"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
    }
}

fn median_of(report: &Value, name: &str) -> Option<f64> {
    report[name]["median"].as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(floor_p50_ms: f64, cluster_p50_ms: f64, lost: u64) -> Turn {
        let p50_ms = |median: f64| json!({ "p50_ms": { "median": median }, "lost": 0 });
        let mut cluster = p50_ms(cluster_p50_ms);
        cluster["lost"] = lost.into();
        cluster["limited_by"] = "nothing".into();
        Turn {
            floor: p50_ms(floor_p50_ms),
            cluster,
        }
    }

    #[test]
    fn ratios_are_of_the_same_turn_and_a_loss_shows() {
        let floor = FloorOptions {
            bootstrap_servers: String::new(),
            database_url: String::new(),
            partitions: 12,
            in_flight: 100,
            rate: None,
            seconds: 1.0,
            warmup: 0.0,
            rounds: 1,
            payload_bytes: 400,
        };
        let rooms = RoomsOptions {
            url: String::new(),
            game: None,
            rooms: 100,
            seconds: 1.0,
            warmup: 0.0,
            rate: None,
            rounds: 3,
            payload_bytes: 300,
            tokens: None,
            gateways: Vec::new(),
            watched: Vec::new(),
        };
        let options = ClusterOptions { rooms, floor };
        let mut figures = Figures::new(title(&options), asked(&options));
        // Slow for both in the second turn: the medians' ratio would be 4.
        let turns = [turn(1.0, 2.0, 0), turn(10.0, 30.0, 0), turn(2.0, 8.0, 1)];
        fill(&mut figures, &options, &turns);
        let value = figures.to_json();
        assert_eq!(value["floor_p50_ms"]["median"], 2.0);
        assert_eq!(value["cluster_p50_ms"]["median"], 8.0);
        assert_eq!(value["p50_ms_ratio"]["median"], 3.0);
        assert_eq!(value["lost"], 1);
        assert!(!figures.is_complete);
    }
}
