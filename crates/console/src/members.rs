//! Who takes part: gateways, the partitions' owners, and what owners have decided and the log has not got yet.

use crate::groups::{self, GroupInfo, GroupPlace};
use crate::messages::unreadable;
use crate::{Admin, Console, Endpoint, Keeper, query};
use axum::Json;
use axum::extract::State;
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::log::{EventLog, LogError, Span, Topic, Way};
use blazing_sun_backbone::messages::{PresenceMessage, parse_presence};
use blazing_sun_backbone::rest::Answer;
use blazing_sun_backbone::topics::{GATEWAY_PRESENCE, Party};
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::store::StoreError;
use blazing_sun_domain::Millis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Gateways that were heard within so long are told of.
const HEARD_WITHIN_MS: i64 = 60_000;
/// Records of `gateway.presence` that are looked at for them.
const LOOKED_AT_MAX: usize = 20_000;
const HEARTBEAT: &str = "presence.event.gateway_heartbeat";

/// `GET members`
#[derive(Debug, Serialize, JsonSchema)]
pub struct Members {
    /// Gateways that were heard within the last minute, by id.
    pub gateways: Vec<GatewayMember>,
    /// The partitions' owners, as the database has them.
    pub owners: Vec<OwnerMember>,
}

/// A gateway.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GatewayMember {
    /// Its id.
    pub gateway_id: String,
    /// Its present start.
    pub boot_id: String,
    /// When it was heard last: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub last_heard_at: String,
    /// Its open connections; null where it does not tell.
    pub sockets: Option<u64>,
    /// How far it has read what it reads; those of a gateway that was given no id, of all such.
    pub positions: Vec<MemberPosition>,
}

/// How far a member has read a partition.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The next offset; null where it has none.
    pub next: Option<u64>,
    /// How many are left; null where it has none.
    pub lag: Option<u64>,
}

/// A partition's owner.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnerMember {
    /// The partition; null where one owner has all.
    pub partition: Option<u32>,
    /// The process, as it is called in the database; `serve` where there is but one.
    pub owner: String,
    /// How often the partition was taken over.
    pub epoch: i64,
    /// Its last batch.
    pub batch_no: u64,
    /// Records that wait to be decided, over all topics that owners read.
    pub queue_depth: u64,
    /// How far each topic that owners read is decided.
    pub positions: Vec<MemberPosition>,
}

/// `GET outbox`
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outbox {
    /// By partition; none on one server with a file, whose log is written in the same transaction.
    pub partitions: Vec<OutboxPartition>,
}

/// What a partition's owner has committed and published.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OutboxPartition {
    /// The partition.
    pub partition: u32,
    /// Who has it.
    pub owner: String,
    /// How often it was taken over.
    pub epoch: i64,
    /// The last batch up to which all is known to be in the log.
    pub published_upto: u64,
    /// The last batch that is committed.
    pub committed: u64,
    /// Batches between them that are kept, up to 100,000.
    pub backlog: u64,
    /// When the first of them was decided; null where there is none.
    #[schemars(extend("format" = "date-time"))]
    pub oldest_unpublished_at: Option<String>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let position = |topic: &str| MemberPosition {
        topic: topic.to_owned(),
        partition: 0,
        next: Some(12),
        lag: Some(0),
    };
    let members = Members {
        gateways: vec![GatewayMember {
            gateway_id: "gateway-1".to_owned(),
            boot_id: "0193c8a0-0000-4000-8000-000000000001".to_owned(),
            last_heard_at: "2026-01-31T20:15:00.000Z".to_owned(),
            sockets: Some(3),
            positions: vec![position("games.events")],
        }],
        owners: vec![OwnerMember {
            partition: Some(0),
            owner: "backend-1".to_owned(),
            epoch: 4,
            batch_no: 1_207,
            queue_depth: 0,
            positions: vec![position("games.commands")],
        }],
    };
    let outbox = Outbox {
        partitions: vec![OutboxPartition {
            partition: 0,
            owner: "backend-1".to_owned(),
            epoch: 4,
            published_upto: 1_206,
            committed: 1_207,
            backlog: 1,
            oldest_unpublished_at: Some("2026-01-31T20:15:00.000Z".to_owned()),
        }],
    };
    vec![
        Endpoint::new(
            query::get("/api/v1/admin/members", "members")
                .says("List gateways and partitions' owners", "")
                .answers(Answer::json(200, "All that are known.", &members)),
            list_members,
        ),
        Endpoint::new(
            query::get("/api/v1/admin/outbox", "outbox")
                .says("Read what is committed and not yet in the log", "")
                .answers(Answer::json(200, "By partition.", &outbox)),
            list_outbox,
        ),
    ]
}

async fn list_members(_: Admin, State(console): State<Console>) -> Result<Json<Members>, Problem> {
    let groups = groups::read(&*console.log, &console.keeper, &console.games).await;
    let groups = groups.map_err(|error| unreadable(&error))?;
    let now = (console.clock)();
    let heard = heard(&*console.log, now, HEARD_WITHIN_MS).await;
    let heard = heard.map_err(|error| unreadable(&error))?;
    let gateways = heard.into_iter().map(|(gateway_id, heard)| GatewayMember {
        positions: positions_of(&groups, &gateway_id),
        gateway_id,
        boot_id: heard.boot_id,
        last_heard_at: heard.at.to_string(),
        sockets: heard.sockets,
    });
    Ok(Json(Members {
        gateways: gateways.collect(),
        owners: owners(&console.keeper, &groups).await?,
    }))
}

/// The partitions' owners, and how far they have come.
pub async fn owners(keeper: &Keeper, groups: &[GroupInfo]) -> Result<Vec<OwnerMember>, StoreError> {
    let decided = match keeper {
        Keeper::Cluster {
            pool: Some(pool), ..
        } => pool.decided_offsets().await?,
        Keeper::Cluster { .. } | Keeper::File { .. } => BTreeMap::new(),
    };
    let own = groups
        .iter()
        .filter(|group| group.group == Party::Backend.group());
    let places: Vec<&GroupPlace> = own.flat_map(|group| &group.partitions).collect();
    let owners = keeper.owners().await?.into_iter().map(|owner| {
        let is_its = |place: &&&GroupPlace| owner.partition.is_none_or(|it| it == place.partition);
        let positions = places.iter().filter(is_its).map(|place| {
            // What Kafka has of it follows some time later.
            let stored = decided
                .get(&(place.partition, place.topic.clone()))
                .copied();
            let next = stored.or(place.committed);
            MemberPosition {
                topic: place.topic.clone(),
                partition: place.partition,
                next,
                lag: next.map(|next| place.end.saturating_sub(next)),
            }
        });
        let positions: Vec<MemberPosition> = positions.collect();
        OwnerMember {
            partition: owner.partition,
            owner: owner.owner,
            epoch: owner.epoch,
            batch_no: owner.batch_no,
            queue_depth: positions.iter().filter_map(|position| position.lag).sum(),
            positions,
        }
    });
    Ok(owners.collect())
}

/// Those of the gateway's own group, or else of the group of gateways without one.
fn positions_of(groups: &[GroupInfo], gateway_id: &str) -> Vec<MemberPosition> {
    let of_all = Party::Gateway.group();
    let own = format!("{of_all}.{gateway_id}");
    let named = |name: &str| groups.iter().find(|group| group.group == name);
    let group = named(&own).or_else(|| named(of_all));
    let places = group.map_or(&[][..], |group| &group.partitions);
    let position = |place: &GroupPlace| MemberPosition {
        topic: place.topic.clone(),
        partition: place.partition,
        next: place.committed,
        lag: place.lag,
    };
    places.iter().map(position).collect()
}

/// A gateway's last heartbeat.
pub(crate) struct Heard {
    boot_id: String,
    at: Millis,
    sockets: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Beat {
    #[serde(default)]
    sockets: Option<u64>,
}

/// The newest heartbeat of each gateway that was heard within so long.
pub(crate) async fn heard(
    log: &dyn EventLog,
    now: Millis,
    within_ms: i64,
) -> Result<BTreeMap<String, Heard>, LogError> {
    let topic = Topic::new(GATEWAY_PRESENCE);
    let bounds = log.bounds(&topic).await?;
    let spans = (0..).zip(bounds).map(|(partition, bounds)| Span {
        partition,
        from: bounds.earliest,
        to: bounds.end,
    });
    let mut walk = log.walk(&topic, Way::Back, spans.collect())?;
    let (mut found, mut looked_at) = (BTreeMap::new(), 0);
    loop {
        let records = walk.next().await?;
        looked_at += records.len();
        let is_over = records.is_empty() || looked_at >= LOOKED_AT_MAX;
        for record in records {
            if now.0 - record.timestamp.0 > within_ms {
                return Ok(found);
            }
            if let Some((gateway_id, heard)) = heartbeat(&record.payload, record.timestamp) {
                found.entry(gateway_id).or_insert(heard);
            }
        }
        if is_over {
            return Ok(found);
        }
    }
}

fn heartbeat(payload: &[u8], at: Millis) -> Option<(String, Heard)> {
    let envelope = EventEnvelope::parse(payload).ok()?;
    if envelope.event_type != HEARTBEAT {
        return None;
    }
    let message = parse_presence(&envelope.event_type, envelope.payload).ok()?;
    let PresenceMessage::GatewayHeartbeat {
        gateway_id,
        boot_id,
    } = message
    else {
        return None;
    };
    let beat: Beat = serde_json::from_str(envelope.payload.get()).unwrap_or_default();
    let heard = Heard {
        boot_id,
        at,
        sockets: beat.sockets,
    };
    Some((gateway_id, heard))
}

async fn list_outbox(_: Admin, State(console): State<Console>) -> Result<Json<Outbox>, Problem> {
    let partitions = outbox(&console.keeper).await?;
    Ok(Json(Outbox { partitions }))
}

/// What owners have committed and published.
pub async fn outbox(keeper: &Keeper) -> Result<Vec<OutboxPartition>, StoreError> {
    let Keeper::Cluster {
        pool: Some(pool), ..
    } = keeper
    else {
        return Ok(Vec::new());
    };
    let backlog = pool.backlog().await?;
    let partitions = pool.progress().await?.into_iter().map(|progress| {
        let own = backlog.iter().find(|it| it.partition == progress.partition);
        OutboxPartition {
            partition: progress.partition,
            owner: progress.owner,
            epoch: progress.epoch,
            published_upto: progress.published_upto,
            committed: progress.last,
            backlog: own.map_or(0, |it| it.batches),
            oldest_unpublished_at: own.and_then(|it| Some(it.oldest?.to_string())),
        }
    });
    Ok(partitions.collect())
}
