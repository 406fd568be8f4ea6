//! People on one server: what a command does to them, and who of them hears of it.

use super::heard::{Heard, short};
use blazing_sun_harness::{Client, Guest, Launch, TestServer, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Somebody who is signed in and watches the lobby, in every scene.
pub const WATCHER: &str = "watcher";
/// Somebody who is in a room of their own, in every scene.
pub const STRANGER: &str = "stranger";

/// A command as its row's test names it: those of `games.command.` without that.
pub fn full_name(name: &str) -> String {
    match name.contains("command.") {
        true => name.to_owned(),
        false => format!("games.command.{name}"),
    }
}

/// The commands that one test is about.
pub struct Row(pub &'static [&'static str]);

impl Row {
    /// These people, signed in. `ann+` is another socket of `ann`.
    pub async fn scene(self, people: &[&'static str]) -> Scene {
        self.scene_with(people, &[]).await
    }

    /// The same, on a server with more in its environment.
    pub async fn scene_with(self, people: &[&'static str], environment: &[(&str, &str)]) -> Scene {
        let environment = environment.iter();
        let environment = environment.map(|(name, value)| {
            let name = format!("BLAZING_SUN_{name}");
            (name, (*value).to_owned())
        });
        let server = TestServer::launch(Launch {
            environment: environment.collect(),
            ..Launch::default()
        })
        .await;
        let mut scene = Scene {
            server,
            row: self.0,
            people: BTreeMap::new(),
            user_ids: BTreeMap::new(),
            gone: BTreeMap::new(),
            steps: Vec::new(),
            secrets: Vec::new(),
        };
        for name in people.iter().copied().chain([WATCHER, STRANGER]) {
            scene.enters(name).await;
        }
        let watch = json!({ "type": "system.lobby", "watch": true });
        let watcher = scene.person(WATCHER);
        watcher.send(watch).await;
        // The answer to what is sent after it says that it was taken.
        watcher.send(json!({ "type": "system.heartbeat" })).await;
        watcher.event("system.heartbeat_ack").await;
        let elsewhere = json!({ "game_type": "tic_tac_toe", "room_name": "Elsewhere" });
        scene.given(STRANGER, "create_room", elsewhere).await;
        scene
    }
}

/// That a scene was looked at to its end.
pub struct Ended(());

/// A command that was sent, and all that it is to cause.
struct Step {
    by: &'static str,
    name: String,
    id: String,
    /// A field that no command has: in no frame may it stand.
    note: String,
    /// None where the step only prepares others.
    told: Option<String>,
}

/// The people and what they did.
pub struct Scene {
    server: TestServer,
    row: &'static [&'static str],
    people: BTreeMap<&'static str, Client>,
    user_ids: BTreeMap<&'static str, String>,
    /// What was heard by those who have hung up.
    gone: BTreeMap<&'static str, Vec<Value>>,
    steps: Vec<Step>,
    secrets: Vec<(String, BTreeSet<&'static str>)>,
}

/// Whose socket it is.
fn user_of(name: &str) -> &str {
    name.trim_end_matches('+')
}

impl Scene {
    async fn enters(&mut self, name: &'static str) {
        let guest = match self.people.get(user_of(name)) {
            Some(client) => client.guest.clone(),
            None => self.server.guest().await,
        };
        let client = Client::sign_in(&self.server, &guest).await;
        self.user_ids.insert(name, guest.user_id);
        self.people.insert(name, client);
    }

    /// Closes a socket.
    pub fn hangs_up(&mut self, name: &'static str) {
        let client = self.people.remove(name).expect("somebody of the scene");
        self.gone.insert(name, client.seen);
    }

    fn person(&mut self, name: &str) -> &mut Client {
        let person = self.people.get_mut(name);
        person.unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn who(&self, name: &str) -> &Guest {
        let person = self.people.get(name);
        &person.unwrap_or_else(|| panic!("there is no {name}")).guest
    }

    /// Somebody's id.
    pub fn id(&self, name: &str) -> String {
        self.who(name).user_id.clone()
    }

    /// Somebody's name.
    pub fn username(&self, name: &str) -> String {
        self.who(name).username.clone()
    }

    /// What the API says somebody has.
    pub async fn balance(&self, name: &str) -> i64 {
        self.server.balance_cents(self.who(name)).await
    }

    /// What the API answers somebody.
    pub async fn get(&self, name: &str, path: &str) -> Value {
        let request = self.server.http().get(self.server.url(path));
        let answer = request.bearer_auth(&self.who(name).token).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    }

    /// A topic's records.
    pub async fn records(&self, topic: &str) -> Vec<Value> {
        self.server.records(topic).await
    }

    /// The room as somebody in it finds it on a new connection.
    pub async fn room(&self, name: &str, room: &str) -> Value {
        let mut client = Client::sign_in(&self.server, self.who(name)).await;
        let is_state = |frame: &Value| {
            frame["type"] == "games.event.room_state" && frame["room"]["room_id"] == room
        };
        client.until("the room's state", is_state).await["room"].take()
    }

    async fn send(&mut self, by: &str, name: &str, mut fields: Value) -> (String, String) {
        let id = Uuid::now_v7().to_string();
        let note = format!("note-{}", Uuid::now_v7().simple());
        fields["type"] = full_name(name).into();
        fields["command_id"] = id.as_str().into();
        fields["note"] = note.as_str().into();
        self.person(by).send(fields).await;
        (id, note)
    }

    async fn step(
        &mut self,
        by: &'static str,
        name: &str,
        fields: Value,
        told: Option<&str>,
    ) -> String {
        let (id, note) = self.send(by, name, fields).await;
        let is_ack = |frame: &Value| frame["type"] == "system.ack" && frame["command_id"] == id;
        // Whoever is next is decided after it.
        self.person(by)
            .until(&format!("{name}'s ack"), is_ack)
            .await;
        self.steps.push(Step {
            by,
            name: full_name(name),
            id: id.clone(),
            note,
            told: told.map(str::to_owned),
        });
        id
    }

    /// A command that others need; who hears of it is not looked at.
    pub async fn given(&mut self, by: &'static str, name: &str, fields: Value) -> String {
        self.step(by, name, fields, None).await
    }

    /// A command that is taken, and everything that it causes, one event a line: its name, its audience,
    /// and who hears it. An event with a `?` may be there or not; of the lobby's changes no hearers are
    /// named, for they are told together.
    pub async fn does(
        &mut self,
        by: &'static str,
        name: &str,
        fields: Value,
        told: &str,
    ) -> String {
        self.step(by, name, fields, Some(told)).await
    }

    /// A command that is refused with this code: the asking socket hears so, and nothing else happens.
    pub async fn refused(&mut self, by: &'static str, name: &str, fields: Value, code: &str) {
        let family = match name.starts_with("chat.") {
            true => "chat.error",
            false => "error",
        };
        let told = format!("{family} user: {by}");
        let id = self.step(by, name, fields, Some(&told)).await;
        let refusal = self.event(by, &id, family).await;
        assert_eq!(refusal["code"], code, "{name}: {refusal}");
        assert_eq!(refusal["command_id"], id.as_str(), "{name}: {refusal}");
    }

    /// A command that the gateway refuses: it is on no topic.
    pub async fn turned_away(&mut self, by: &'static str, name: &str, fields: Value, code: &str) {
        let (id, note) = self.send(by, name, fields).await;
        let is_refusal =
            |frame: &Value| frame["type"] == "system.error" && frame["command_id"] == id;
        let refusal = self.person(by).until("a refusal", is_refusal).await;
        assert_eq!(refusal["code"], code, "{name}: {refusal}");
        self.steps.push(Step {
            by,
            name: full_name(name),
            id,
            note,
            told: Some(String::new()),
        });
    }

    /// What somebody hears of a command: its first event of this name.
    pub async fn event(&mut self, by: &str, id: &str, name: &str) -> Value {
        let is_it = |frame: &Value| {
            frame["event_id"].is_string()
                && frame["correlation_id"] == id
                && frame["type"]
                    .as_str()
                    .is_some_and(|kind| short(kind) == name)
        };
        let client = self.person(by);
        if let Some(frame) = client.seen.iter().find(|frame| is_it(frame)) {
            return frame.clone();
        }
        client.until(name, is_it).await
    }

    /// The next event of this name that somebody hears, whatever caused it.
    pub async fn next(&mut self, by: &str, name: &str) -> Value {
        let is_it = |frame: &Value| {
            frame["type"]
                .as_str()
                .is_some_and(|kind| short(kind) == name)
        };
        self.person(by).until(name, is_it).await
    }

    /// A text that these people hear, and nobody else.
    pub fn secret(&mut self, text: &str, hearers: &[&'static str]) {
        let hearers = hearers.iter().copied().collect();
        self.secrets.push((text.to_owned(), hearers));
    }

    /// `host` opens a room of Bigger Dice, `others` come into its lobby; the room's id.
    pub async fn opens(&mut self, fields: Value, others: &[&'static str]) -> String {
        let mut create = json!({ "game_type": "bigger_dice", "room_name": "Den" });
        let named = fields.as_object().expect("fields").clone();
        create.as_object_mut().expect("fields").extend(named);
        let id = self.given("host", "create_room", create).await;
        let state = self.event("host", &id, "room_state").await;
        let room = text(&state["room"]["room_id"]);
        for name in others {
            self.given(name, "join_room", json!({ "room_id": room }))
                .await;
        }
        room
    }

    /// `host` gives them seats.
    pub async fn seats(&mut self, room: &str, people: &[&'static str]) {
        for name in people {
            let fields = json!({ "room_id": room, "target_user_id": self.id(name) });
            self.given("host", "select_player", fields).await;
        }
    }

    /// `host` gives them the seats that are free, and everybody in a seat begins to play.
    pub async fn plays(&mut self, room: &str, people: &[&'static str]) {
        self.seats(room, people).await;
        let state = self.room("host", room).await;
        let ids: Vec<String> = state["selected_players"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect();
        let names = self.people.keys().copied();
        let names = names.filter(|name| user_of(name) == *name);
        let seated: Vec<&'static str> = names.filter(|name| ids.contains(&self.id(name))).collect();
        for name in &seated {
            self.given(name, "ready", json!({ "room_id": room })).await;
        }
        self.next(seated[0], "game_started").await;
    }

    /// Looks at everything that everybody has heard.
    pub async fn ends(mut self) -> Ended {
        let mut questions = BTreeSet::new();
        // A socket may write its answers before what waits in its rooms, and writes all of that before the
        // next answer.
        for _ in 0..2 {
            for client in self.people.values_mut() {
                let id = client.command("list_rooms", json!({})).await.to_string();
                let is_answer =
                    |frame: &Value| frame["correlation_id"] == id && frame["rooms"].is_array();
                client.until("the list of rooms", is_answer).await;
                questions.insert(id);
            }
        }
        let mut heard: BTreeMap<&'static str, Vec<Value>> = std::mem::take(&mut self.gone);
        for (name, client) in std::mem::take(&mut self.people) {
            let is_question = |frame: &Value| {
                let about = frame["correlation_id"].as_str();
                let about = about.or(frame["command_id"].as_str());
                about.is_some_and(|id| questions.contains(id))
            };
            let frames = client.seen.into_iter();
            let frames = frames.filter(|frame| !is_question(frame)).collect();
            heard.insert(name, frames);
        }
        let mut events = self.server.records("games.events").await;
        events.extend(self.server.records("chat.events").await);
        self.check(&Heard::new(&heard, &events, &self.user_ids));
        Ended(())
    }

    fn check(&self, heard: &Heard<'_>) {
        for step in &self.steps {
            let Step { by, name, id, .. } = step;
            match &step.told {
                Some(told) => heard.check(&format!("{by}: {name}"), id, told),
                None => heard.check_done(&format!("{by}: {name}"), id),
            }
            heard.check_id(by, name, id);
            assert_eq!(heard.hearers(&step.note), BTreeSet::new(), "{by}: {name}");
        }
        for (secret, hearers) in &self.secrets {
            assert_eq!(heard.hearers(secret), *hearers, "{secret}");
        }
        heard.check_audiences();
        heard.check_order();
        for command in self.row {
            let full = full_name(command);
            let is_tested = |step: &Step| step.name == full && step.told.is_some();
            assert!(
                self.steps.iter().any(is_tested),
                "{command} was never tried"
            );
        }
    }
}
