//! The console's API as an operator asks it, whatever the server stands on.

use blazing_sun_backbone::rest::{Method, Operation, Place};
use blazing_sun_harness::{Client, text, within};
use serde_json::{Value, json};
use uuid::Uuid;

/// Where the API is, and who asks.
pub struct Console {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Console {
    pub fn new(http: &reqwest::Client, url: String, token: &str) -> Console {
        Console {
            http: http.clone(),
            url,
            token: token.to_owned(),
        }
    }

    pub fn as_other(&self, token: &str) -> Console {
        Console::new(&self.http, self.url.clone(), token)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(reqwest::Method::GET, path, None).await
    }

    /// The answer, which has to be a success.
    pub async fn ok(&self, path: &str) -> Value {
        let (status, answer) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {answer:#}");
        answer
    }

    /// A trace of all there is: where Kafka is slow, the first may have looked through a part only.
    pub async fn trace(&self, id: &str) -> Value {
        within("a whole trace", async {
            loop {
                let trace = self.ok(&format!("trace/{id}")).await;
                if trace["complete"] == true {
                    return trace;
                }
            }
        })
        .await
    }

    pub async fn ask(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let url = format!("{}/api/v1/admin/{path}", self.url);
        let mut request = self.http.request(method, url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Asks for every operation there is, with what its document gives as examples.
    pub async fn ask_all(&self) -> Vec<(&'static str, u16, Value)> {
        let mut answers = Vec::new();
        for operation in blazing_sun_console::operations() {
            let path = path_of(&operation);
            let path = path.strip_prefix("/api/v1/admin/").expect("of operators");
            let (method, body) = match operation.method {
                Method::Get => (reqwest::Method::GET, None),
                Method::Post => (
                    reqwest::Method::POST,
                    Some(Value::Object(Default::default())),
                ),
            };
            let (status, answer) = self.ask(method, path, body.as_ref()).await;
            answers.push((operation.id, status, answer));
        }
        answers
    }

    /// Panics unless every operation is refused like this.
    pub async fn is_refused_everything(&self, status: u16, code: &str) {
        for (operation, answered, answer) in self.ask_all().await {
            let told = (answered, answer["code"].as_str());
            assert_eq!(told, (status, Some(code)), "{operation}: {answer:#}");
        }
    }
}

fn path_of(operation: &Operation) -> String {
    let in_path = operation.parameters.iter();
    let in_path = in_path.filter(|parameter| parameter.place == Place::Path);
    in_path.fold(operation.path.to_owned(), |path, parameter| {
        let example = match &parameter.example {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        path.replace(&format!("{{{}}}", parameter.name), &example)
    })
}

/// A game in play that an operator looks at and ends: what became of its commands, its money, and who may end it. Gives
/// the room's id.
pub async fn a_game_is_seen_and_closed(
    console: &Console,
    host: &mut Client,
    other: &mut Client,
) -> String {
    // A game that gives time to look at it.
    let room = host.create_room_of("tic_tac_toe", "Den").await;
    other.join_room(&room).await;
    host.event("games.event.lobby_joined").await;
    let seats = [host.guest.clone(), other.guest.clone()];
    host.select(&room, &[&seats[0], &seats[1]]).await;
    host.ready(&room).await;
    other.ready(&room).await;
    let turn = host.event("games.event.turn_changed").await;
    other.event("games.event.turn_changed").await;
    let is_hosts = turn["current_turn"] == host.guest.user_id.as_str();
    let (mover, waits) = match is_hosts {
        true => (&mut *host, &mut *other),
        false => (&mut *other, &mut *host),
    };
    let first = || json!({ "room_id": room, "position": 0 });
    let early = waits.command("tic_tac_toe.move", first()).await;
    assert_eq!(waits.refusal(early).await, "not_your_turn");
    let moving = mover.command("tic_tac_toe.move", first()).await;
    let moved = mover.event("games.event.tic_tac_toe.moved").await;

    let refused = console.trace(&early.to_string()).await;
    let verdict = text(&refused["verdict"]);
    assert!(verdict.starts_with("refused: not_your_turn"), "{refused:#}");
    let asked_alone = ["frame", "record", "batch", "refusal", "socket"];
    assert_eq!(kinds(&refused), asked_alone);
    assert_eq!(refused["steps"][4]["data"]["sockets"], 1, "{refused:#}");
    let applied = console.trace(&moving.to_string()).await;
    let verdict = text(&applied["verdict"]);
    assert!(verdict.starts_with("applied: 0 transfers"), "{applied:#}");
    assert_eq!(kinds(&applied)[..3], ["frame", "record", "batch"]);
    assert!(
        verdict.contains("; sent to 2 sockets after "),
        "{applied:#}"
    );
    assert_eq!(applied["steps"][1]["room_id"], room.as_str());
    assert_eq!(applied["steps"][1]["user_id"], mover.guest.user_id.as_str());
    assert_eq!(applied["complete"], true);
    let of_event = console.trace(&text(&moved["event_id"])).await;
    assert_eq!(of_event["correlation_id"], moving.to_string());
    // When an event reached its last socket may be told later than that it has.
    let before_sockets = |trace: &Value| {
        let steps = trace["steps"].as_array().expect("steps").iter();
        let steps = steps.filter(|step| step["what"] != "socket");
        steps.cloned().collect::<Vec<_>>()
    };
    assert_eq!(before_sockets(&of_event), before_sockets(&applied));
    let unknown = console.trace(&Uuid::now_v7().to_string()).await;
    assert!(text(&unknown["verdict"]).starts_with("not in the topics"));
    assert_eq!(console.get("trace/x").await.0, 400);

    let seen = console.ok(&format!("rooms/{room}")).await;
    assert_eq!(seen["room"]["status"], "in_progress");
    assert_eq!(seen["money"]["escrow_cents"], 2_000);
    assert_eq!(seen["members"].as_array().map(Vec::len), Some(2));
    let events = seen["timeline"].as_array().expect("a timeline");
    let of_move = events
        .iter()
        .find(|event| event["room_seq"] == moved["room_seq"]);
    let of_move = of_move.expect("the move in the timeline");
    assert_eq!(of_move["correlation_id"], moving.to_string());
    assert_eq!(of_move["type"], "games.event.tic_tac_toe.moved");
    assert_eq!(seen["state"]["type"], "tic_tac_toe.state", "{seen:#}");
    let fee = text(&seen["money"]["entries"][0]["correlation_id"]);
    let paid = console.trace(&fee).await;
    assert!(kinds(&paid).contains(&"ledger".to_owned()), "{paid:#}");
    let page = console.ok(&format!("rooms/{room}?limit=2")).await;
    let cursor = text(&page["next_cursor"]);
    let older = console
        .ok(&format!("rooms/{room}?limit=2&cursor={cursor}"))
        .await;
    let whole = seen["timeline"].as_array().expect("a timeline");
    assert_eq!(page["timeline"], json!(whole[..2]));
    assert_eq!(older["timeline"], json!(whole[2..4]));
    let listed = console
        .ok("rooms?status=in_progress&game_type=tic_tac_toe")
        .await;
    assert!(has_room(&listed, &room), "{listed:#}");

    // A client can not say it, and a player can not ask for it.
    let id = mover
        .command("close_room", json!({ "room_id": room, "reason": "x" }))
        .await;
    assert_eq!(mover.refusal(id).await, "unknown_command");
    let close = format!("rooms/{room}/close");
    let reason = json!({ "reason": "the game hangs" });
    let post = reqwest::Method::POST;
    let as_player = console.as_other(&mover.guest.token);
    let (status, _) = as_player.ask(post.clone(), &close, Some(&reason)).await;
    assert_eq!(status, 403);
    let none = json!({ "reason": "" });
    let (status, answer) = console.ask(post.clone(), &close, Some(&none)).await;
    assert_eq!((status, &answer["field"]), (400, &json!("reason")));
    let (status, _) = console
        .ask(post.clone(), "rooms/none/close", Some(&reason))
        .await;
    assert_eq!(status, 404);

    let (status, closed) = console.ask(post.clone(), &close, Some(&reason)).await;
    assert_eq!(
        (status, &closed["is_new"]),
        (200, &json!(true)),
        "{closed:#}"
    );
    for client in [&mut *host, &mut *other] {
        let cancelled = client
            .event("games.event.tic_tac_toe.match_cancelled")
            .await;
        assert_eq!(cancelled["reason"], "closed_by_operator");
        client.event("games.event.seed_revealed").await;
    }
    let (status, again) = console.ask(post, &close, Some(&reason)).await;
    assert_eq!((status, &again["is_new"]), (200, &json!(false)));
    let ending = console.trace(&text(&closed["command_id"])).await;
    let verdict = text(&ending["verdict"]);
    assert!(verdict.starts_with("applied: 2 transfers"), "{ending:#}");
    let seen = console.ok(&format!("rooms/{room}")).await;
    assert_eq!(seen["room"]["status"], "ended");
    assert_eq!(seen["money"]["escrow_cents"], 0);
    assert!(has_room(&console.ok("rooms?status=ended").await, &room));
    let log = console.ok(&format!("log?target={room}")).await;
    let entries = log["entries"].as_array().expect("entries");
    let outcomes: Vec<String> = entries
        .iter()
        .rev()
        .map(|it| text(&it["outcome"]))
        .collect();
    // Done, and done once more; what had no reason is not there.
    let wanted = ["asked", "done", "asked", "done"];
    assert_eq!(outcomes, wanted, "{log:#}");
    room
}

fn kinds(trace: &Value) -> Vec<String> {
    let steps = trace["steps"].as_array().expect("steps");
    steps.iter().map(|step| text(&step["what"])).collect()
}

fn has_room(list: &Value, room: &str) -> bool {
    let rooms = list["rooms"].as_array().expect("rooms");
    rooms.iter().any(|line| line["room_id"] == room)
}

/// A player whom an operator finds, credits, signs out, bans and lets in again.
pub async fn a_player_is_seen_and_changed(console: &Console, socket: &mut Client) {
    let player = socket.guest.clone();
    let id = &player.user_id;
    let found = console.ok(&format!("players?query={id}")).await;
    assert_eq!(found["players"][0]["user_id"], id.as_str());
    let beginning: String = player.username.chars().take(3).collect();
    let found = console.ok(&format!("players?query={beginning}")).await;
    let is_it = |line: &Value| line["user_id"] == id.as_str();
    let lines = found["players"].as_array().expect("players");
    assert!(lines.iter().any(is_it), "{found:#}");
    assert_eq!(console.get("players").await.0, 400);
    assert_eq!(console.get("players/1000000").await.0, 404);

    let post = reqwest::Method::POST;
    let credit = json!({ "amount_cents": 250, "reason": "sorry", "command_id": Uuid::now_v7() });
    let path = format!("players/{id}/credit");
    for is_new in [true, false] {
        let (status, credited) = console.ask(post.clone(), &path, Some(&credit)).await;
        assert_eq!(
            (status, &credited["is_new"]),
            (200, &json!(is_new)),
            "{credited:#}"
        );
        assert_eq!(credited["balance_cents"], player.balance_cents + 250);
    }
    let statement = console.ok(&format!("players/{id}/statement?limit=1")).await;
    assert_eq!(statement["entries"][0]["kind"], "credit");
    assert_eq!(statement["entries"][0]["amount_cents"], 250);
    let balance = player.balance_cents + 250;
    assert_eq!(statement["entries"][0]["balance_cents"], balance);
    assert_eq!(
        statement["entries"][0]["correlation_id"],
        credit["command_id"]
    );
    let cursor = text(&statement["next_cursor"]);
    let rest = console
        .ok(&format!("players/{id}/statement?cursor={cursor}"))
        .await;
    let last = rest["entries"]
        .as_array()
        .and_then(|entries| entries.last());
    let first = last.expect("the first");
    assert_eq!(
        (&first["kind"], &first["balance_cents"]),
        (&json!("demo_grant"), &json!(5_000))
    );

    let details = console.ok(&format!("players/{id}")).await;
    assert_eq!(
        details["balance"]["balance_cents"],
        player.balance_cents + 250
    );
    assert_eq!(details["ban"], Value::Null);
    assert_eq!(sign_ins(&details), 1, "{details:#}");
    let (status, _) = console
        .ask(post.clone(), &format!("players/{id}/sign-out"), None)
        .await;
    assert_eq!(status, 200);
    assert_eq!(sign_ins(&console.ok(&format!("players/{id}")).await), 0);
    assert_eq!(socket.closed().await, Some(1008));

    let hostile = json!({ "reason": "two\nlines" });
    let (status, refused) = console
        .ask(post.clone(), &format!("players/{id}/ban"), Some(&hostile))
        .await;
    assert_eq!((status, &refused["field"]), (400, &json!("reason")));
    let log = console
        .ok(&format!("log?target={id}&action=user.ban"))
        .await;
    assert_eq!(log["entries"], json!([]));

    let reason = json!({ "reason": "cheating" });
    let (status, banned) = console
        .ask(post.clone(), &format!("players/{id}/ban"), Some(&reason))
        .await;
    assert_eq!(
        (status, &banned["is_banned"]),
        (200, &json!(true)),
        "{banned:#}"
    );
    let details = console.ok(&format!("players/{id}")).await;
    assert_eq!(details["ban"]["reason"], "cheating");
    let (status, free) = console
        .ask(post, &format!("players/{id}/unban"), None)
        .await;
    assert_eq!((status, &free["is_banned"]), (200, &json!(false)));
    let log = console
        .ok(&format!("log?target={id}&action=user.ban"))
        .await;
    assert_eq!(log["entries"][1]["detail"], reason);
}

fn sign_ins(details: &Value) -> usize {
    let sessions = details["sessions"].as_array().expect("sessions");
    let is_sign_in = |session: &&Value| session["kind"] == "sign_in";
    sessions.iter().filter(is_sign_in).count()
}

/// The books add up, and an audit says so.
pub async fn the_books_are_audited(console: &Console) {
    let money = console.ok("money").await;
    assert_eq!(money["difference_cents"], 0, "{money:#}");
    let kinds = money["accounts"].as_array().expect("accounts");
    let sum = |kind: &str| {
        let account = kinds.iter().find(|account| account["kind"] == kind);
        account.map_or(0, |account| account["sum_cents"].as_i64().expect("a sum"))
    };
    assert_eq!(sum("players") + sum("escrow") + sum("rake"), -sum("mint"));
    let moved = money["moved_today"].as_array().expect("what moved");
    assert!(
        moved.iter().any(|moved| moved["kind"] == "demo_grant"),
        "{money:#}"
    );
    let (status, begun) = console
        .ask(reqwest::Method::POST, "money/audit", None)
        .await;
    assert_eq!((status, &begun["state"]), (202, &json!("running")));
    let done = async {
        loop {
            let audit = console.ok("money/audit").await;
            if audit["state"] != "running" {
                break audit;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let audit = within("the audit", done).await;
    assert_eq!(audit["state"], "done", "{audit:#}");
    assert_eq!(audit["is_clean"], true, "{audit:#}");
    assert_eq!(audit["progress_percent"], 100, "{audit:#}");
}
