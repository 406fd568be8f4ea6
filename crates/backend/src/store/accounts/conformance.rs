//! What every account store does. An adapter's test calls [`all`] with a fresh, empty store.

pub mod idle;
mod links;

use super::*;
use std::sync::Arc;

const NOW: Millis = Millis(1_700_000_000_000);
const LIFE_MS: i64 = 1_000_000;

/// Runs every check; users are made anew by each.
pub async fn all(store: Arc<dyn AccountStore>) {
    a_user_is_read_back(&*store).await;
    an_email_is_taken_once(store.clone()).await;
    guests_have_no_email_to_share(&*store).await;
    a_token_is_rotated_once(&*store).await;
    two_at_once_are_both_served_and_a_late_one_is_a_reuse(store.clone()).await;
    a_used_token_is_a_reuse_once_its_successor_was_used(&*store).await;
    a_token_ends_at_its_instant(&*store).await;
    a_reused_token_ends_its_family_alone(&*store).await;
    a_revoked_family_gets_no_token_from_a_rotation_beside_it(store.clone()).await;
    who_is_banned_keeps_no_family(&*store).await;
    chosen_ids_leave_the_others_alone(&*store).await;
    roles_come_and_go(&*store).await;
    users_are_found_by_name(&*store).await;
    all_families_of_a_user_can_be_revoked(&*store).await;
    expired_tokens_are_cleared_away(&*store).await;
    house_bots_are_made_once(&*store).await;
    links::all(store).await;
}

fn hash() -> TokenHash {
    let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(a.as_bytes());
    bytes[16..].copy_from_slice(b.as_bytes());
    TokenHash(bytes)
}

fn token(hash: TokenHash) -> NewToken {
    NewToken {
        hash,
        expires: NOW.plus(LIFE_MS),
    }
}

fn with_email(email: &str) -> NewUser {
    NewUser {
        credentials: Some((email.to_owned(), PasswordHash("$argon2id$…".to_owned()))),
        username: "Ada".to_owned(),
        roles: vec!["player".to_owned()],
    }
}

fn guest() -> NewUser {
    NewUser {
        credentials: None,
        username: "Guest".to_owned(),
        roles: vec!["guest".to_owned()],
    }
}

async fn add(store: &dyn AccountStore, user: NewUser) -> (User, TokenHash) {
    let hash = hash();
    let added = store
        .add_user(user, Uuid::new_v4(), token(hash), NOW)
        .await
        .unwrap();
    (added.expect("the email is free"), hash)
}

async fn rotate(
    store: &dyn AccountStore,
    presented: TokenHash,
    now: Millis,
) -> (Rotation, TokenHash) {
    let next = hash();
    (
        store.rotate(presented, token(next), now).await.unwrap(),
        next,
    )
}

async fn house_bots_are_made_once(store: &dyn AccountStore) {
    let bots = store.house_bots(2, "Bot", NOW).await.unwrap();
    assert_eq!(bots.len(), 2);
    for bot in &bots {
        assert_eq!((bot.email.as_deref(), bot.username.as_str()), (None, "Bot"));
        assert_eq!(bot.roles, ["bot"]);
    }
    let with_role = NewUser {
        roles: vec!["bot".to_owned()],
        ..with_email("no.bot@example.com")
    };
    add(store, with_role).await;
    let (guest, _) = add(store, guest()).await;
    let with_role = store.change_role(guest.id, "bot", true).await.unwrap();
    assert_eq!(with_role.unwrap().roles, ["guest", "bot"]);
    let later = NOW.plus(1);
    assert_eq!(store.house_bots(1, "New", later).await.unwrap(), bots[..1]);
    let more = store.house_bots(3, "New", later).await.unwrap();
    assert_eq!((&more[..2], more[2].username.as_str()), (&bots[..], "New"));
    assert_ne!(more[2].id, guest.id);
    store
        .set_status(bots[0].id, UserStatus::Banned, None)
        .await
        .unwrap();
    let again = store.house_bots(3, "New", later).await.unwrap();
    assert_eq!((again.len(), again[0].status), (3, UserStatus::Banned));
}

fn is_rotated(outcome: &(Rotation, TokenHash)) -> bool {
    matches!(outcome.0, Rotation::Rotated(_))
}

async fn a_user_is_read_back(store: &dyn AccountStore) {
    let (user, _) = add(store, with_email("Read.Back@example.com")).await;
    assert!(user.id > UserId::SYSTEM);
    assert_eq!(user.email.as_deref(), Some("Read.Back@example.com"));
    assert_eq!(
        (user.username.as_str(), user.status),
        ("Ada", UserStatus::Active)
    );
    assert_eq!((user.created, user.last_seen), (NOW, NOW));
    assert_eq!(store.user(user.id).await.unwrap(), Some(user.clone()));
    let (found, hash) = store
        .user_by_email("READ.back@EXAMPLE.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found, hash),
        (user.clone(), PasswordHash("$argon2id$…".to_owned()))
    );
    assert_eq!(
        store.user_by_email("nobody@example.com").await.unwrap(),
        None
    );
    assert_eq!(
        store
            .user(UserId::new((1 << 53) - 1).unwrap())
            .await
            .unwrap(),
        None
    );

    let seen = NOW.plus(5);
    assert!(
        store
            .open_family(user.id, Uuid::new_v4(), token(self::hash()), seen)
            .await
            .unwrap()
    );
    assert_eq!(store.user(user.id).await.unwrap().unwrap().last_seen, seen);
}

async fn an_email_is_taken_once(store: Arc<dyn AccountStore>) {
    let emails = [
        "once@example.com",
        "ONCE@example.com",
        "Once@Example.Com",
        "once@example.COM",
    ];
    let tries: Vec<_> = emails
        .into_iter()
        .map(|email| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .add_user(with_email(email), Uuid::new_v4(), token(hash()), NOW)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut added = 0;
    for one in tries {
        added += u32::from(one.await.unwrap().is_some());
    }
    assert_eq!(added, 1);
    let refused = hash();
    let taken = store
        .add_user(with_email(emails[0]), Uuid::new_v4(), token(refused), NOW)
        .await;
    assert_eq!(taken.unwrap(), None);
    assert_eq!(rotate(&*store, refused, NOW).await.0, Rotation::Unknown);
}

async fn guests_have_no_email_to_share(store: &dyn AccountStore) {
    let ((one, _), (other, _)) = (add(store, guest()).await, add(store, guest()).await);
    assert_ne!(one.id, other.id);
    assert_eq!((one.email, one.roles), (None, vec!["guest".to_owned()]));
}

async fn a_token_is_rotated_once(store: &dyn AccountStore) {
    let (user, first) = add(store, guest()).await;
    let (outcome, second) = rotate(store, first, NOW.plus(7)).await;
    assert_eq!(
        outcome,
        Rotation::Rotated(User {
            last_seen: NOW.plus(7),
            ..user.clone()
        })
    );
    assert!(is_rotated(&rotate(store, second, NOW).await));
    assert_eq!(rotate(store, first, NOW).await.0, Rotation::Reused(user.id));
    assert_eq!(rotate(store, hash(), NOW).await.0, Rotation::Unknown);
}

async fn two_at_once_are_both_served_and_a_late_one_is_a_reuse(store: Arc<dyn AccountStore>) {
    let (user, first) = add(&*store, guest()).await;
    let both: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { rotate(&*store, first, NOW).await })
        })
        .collect();
    let mut next = Vec::new();
    for one in both {
        let (outcome, token) = one.await.unwrap();
        assert!(matches!(outcome, Rotation::Rotated(_)));
        next.push(token);
    }
    let late = NOW.plus(REUSE_GRACE_MS + 1);
    assert_eq!(
        rotate(&*store, first, late).await.0,
        Rotation::Reused(user.id)
    );
    for token in next {
        assert_eq!(rotate(&*store, token, late).await.0, Rotation::Unknown);
    }
}

async fn a_used_token_is_a_reuse_once_its_successor_was_used(store: &dyn AccountStore) {
    let (user, first) = add(store, guest()).await;
    let (_, second) = rotate(store, first, NOW).await;
    let (_, third) = rotate(store, second, NOW).await;
    assert_eq!(rotate(store, first, NOW).await.0, Rotation::Reused(user.id));
    assert_eq!(rotate(store, third, NOW).await.0, Rotation::Unknown);
}

async fn a_token_ends_at_its_instant(store: &dyn AccountStore) {
    let (_, first) = add(store, guest()).await;
    assert_eq!(
        rotate(store, first, NOW.plus(LIFE_MS)).await.0,
        Rotation::Expired
    );
    assert!(is_rotated(
        &rotate(store, first, NOW.plus(LIFE_MS - 1)).await
    ));
}

async fn a_reused_token_ends_its_family_alone(store: &dyn AccountStore) {
    let (user, first) = add(store, guest()).await;
    let other = hash();
    assert!(
        store
            .open_family(user.id, Uuid::new_v4(), token(other), NOW)
            .await
            .unwrap()
    );
    let (_, second) = rotate(store, first, NOW).await;
    let late = NOW.plus(REUSE_GRACE_MS + 1);
    assert_eq!(
        rotate(store, first, late).await.0,
        Rotation::Reused(user.id)
    );
    assert_eq!(rotate(store, second, NOW).await.0, Rotation::Unknown);
    let (outcome, other) = rotate(store, other, NOW).await;
    assert!(matches!(outcome, Rotation::Rotated(_)));
    store.revoke_family(other).await.unwrap();
    store.revoke_family(other).await.unwrap();
    assert_eq!(rotate(store, other, NOW).await.0, Rotation::Unknown);
}

async fn a_revoked_family_gets_no_token_from_a_rotation_beside_it(store: Arc<dyn AccountStore>) {
    let late = NOW.plus(REUSE_GRACE_MS + 1);
    for _ in 0..20 {
        let (user, stolen) = add(&*store, guest()).await;
        let (_, newest) = rotate(&*store, stolen, NOW).await;
        let beside = {
            let store = store.clone();
            tokio::spawn(async move { rotate(&*store, newest, late).await })
        };
        assert_eq!(
            rotate(&*store, stolen, late).await.0,
            Rotation::Reused(user.id)
        );
        let (_, next) = beside.await.unwrap();
        assert_eq!(rotate(&*store, next, late).await.0, Rotation::Unknown);
    }
}

async fn who_is_banned_keeps_no_family(store: &dyn AccountStore) {
    let (user, first) = add(store, guest()).await;
    for status in [UserStatus::Banned, UserStatus::Closed] {
        assert!(
            store
                .set_status(user.id, status, Some("cheated"))
                .await
                .unwrap()
        );
        let found = store.user(user.id).await.unwrap().unwrap();
        assert_eq!(
            (found.status, found.ban_reason.as_deref()),
            (status, Some("cheated"))
        );
        assert!(store.forbidden_users(NOW).await.unwrap().contains(&user.id));
        let opened = store
            .open_family(user.id, Uuid::new_v4(), token(hash()), NOW.plus(9))
            .await;
        assert!(!opened.unwrap());
    }
    assert_eq!(rotate(store, first, NOW).await.0, Rotation::Unknown);
    assert!(
        store
            .set_status(user.id, UserStatus::Active, None)
            .await
            .unwrap()
    );
    assert_eq!(store.user(user.id).await.unwrap().unwrap().ban_reason, None);
    assert!(!store.forbidden_users(NOW).await.unwrap().contains(&user.id));
    assert_eq!(rotate(store, first, NOW).await.0, Rotation::Unknown);
    assert_eq!(store.user(user.id).await.unwrap().unwrap().last_seen, NOW);
    let nobody = UserId::new((1 << 53) - 1).unwrap();
    assert!(
        !store
            .set_status(nobody, UserStatus::Banned, None)
            .await
            .unwrap()
    );
    assert!(
        !store
            .open_family(nobody, Uuid::new_v4(), token(hash()), NOW)
            .await
            .unwrap()
    );
}

async fn chosen_ids_leave_the_others_alone(store: &dyn AccountStore) {
    let (before, _) = add(store, guest()).await;
    let create = |user: NewUser, id: u64| store.create_user(user, UserId::new(id), NOW);
    let id = |id: u64| UserId::new(id).unwrap();
    let (last, next) = ((1 << 53) - 2, before.id.get() + 1);
    for chosen in [last, next, next + 2] {
        let user = create(with_email(&format!("{chosen}@chosen.example")), chosen).await;
        let Creation::Created(user) = user.unwrap() else {
            panic!("{chosen} is free");
        };
        assert_eq!(
            (user.id, user.created, user.status),
            (id(chosen), NOW, UserStatus::Active)
        );
        assert_eq!(store.user(user.id).await.unwrap(), Some(user));
    }
    let again = create(with_email("other@chosen.example"), last)
        .await
        .unwrap();
    assert_eq!(again, Creation::IdTaken);
    let mail = format!("{last}@CHOSEN.example");
    assert_eq!(
        create(with_email(&mail), 77_777).await.unwrap(),
        Creation::EmailTaken
    );
    assert_eq!(store.user(id(77_777)).await.unwrap(), None);
    let ids = [add(store, guest()).await, add(store, guest()).await].map(|(user, _)| user.id);
    assert_eq!(ids, [id(next + 1), id(next + 3)]);
}

async fn roles_come_and_go(store: &dyn AccountStore) {
    let (user, _) = add(store, guest()).await;
    for (role, has_it, roles) in [
        ("admin", true, &["guest", "admin"][..]),
        ("admin", true, &["guest", "admin"]),
        ("guest", false, &["admin"]),
        ("guest", false, &["admin"]),
    ] {
        let changed = store
            .change_role(user.id, role, has_it)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(changed.roles, roles);
        assert_eq!(store.user(user.id).await.unwrap(), Some(changed));
    }
    let nobody = UserId::new((1 << 53) - 1).unwrap();
    assert_eq!(
        store.change_role(nobody, "admin", true).await.unwrap(),
        None
    );
}

async fn users_are_found_by_name(store: &dyn AccountStore) {
    let named = |name: &str| NewUser {
        username: name.to_owned(),
        ..guest()
    };
    let (first, _) = add(store, named("Zoë")).await;
    let (second, _) = add(store, named("Zoë")).await;
    add(store, named("zoë")).await;
    let both = store.users_named("Zoë", 5).await.unwrap();
    assert_eq!(both, [first.clone(), second]);
    assert_eq!(store.users_named("Zoë", 1).await.unwrap(), [first]);
    assert_eq!(store.users_named("Zo", 5).await.unwrap(), []);
}

async fn all_families_of_a_user_can_be_revoked(store: &dyn AccountStore) {
    let ((user, first), (_, others)) = (add(store, guest()).await, add(store, guest()).await);
    let second = hash();
    assert!(
        store
            .open_family(user.id, Uuid::new_v4(), token(second), NOW)
            .await
            .unwrap()
    );
    store.revoke_user(user.id).await.unwrap();
    for revoked in [first, second] {
        assert_eq!(rotate(store, revoked, NOW).await.0, Rotation::Unknown);
    }
    assert!(is_rotated(&rotate(store, others, NOW).await));
}

/// Only what nobody can use any more goes, and it does go.
async fn expired_tokens_are_cleared_away(store: &dyn AccountStore) {
    let (user, first) = add(store, guest()).await;
    let later = NOW.plus(2 * LIFE_MS);
    let kept = NewToken {
        hash: hash(),
        expires: later.plus(1),
    };
    assert!(
        store
            .open_family(user.id, Uuid::new_v4(), kept, NOW)
            .await
            .unwrap()
    );
    let mut families_opened = 0;
    while rotate(store, first, later).await.0 == Rotation::Expired {
        let fresh = NewToken {
            hash: hash(),
            expires: later.plus(LIFE_MS),
        };
        assert!(
            store
                .open_family(user.id, Uuid::new_v4(), fresh, later)
                .await
                .unwrap()
        );
        families_opened += 1;
        assert!(families_opened < 1_000, "expired tokens stay for ever");
    }
    assert!(is_rotated(&rotate(store, kept.hash, later).await));
}
