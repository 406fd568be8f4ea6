//! Guests who have not come for long.

use super::*;

/// What keeps a guest's account, and what it holds.
pub enum Planted {
    /// A connection that is there.
    Connected,
    /// One that ended then.
    WasConnected(Millis),
    /// A place in a room.
    InRoom,
    /// A payment that may be paid yet.
    OpenPayment,
    /// A transfer of then.
    Moved(Millis),
    /// So much money.
    Money(i64),
}

const LONG_AGO: Millis = Millis(1_000);
const SINCE: Millis = Millis(2_000);

/// Runs every check, on a store that has guests of today alone.
pub async fn all(store: Arc<dyn AccountStore>, plant: impl AsyncFn(UserId, Planted)) {
    only_idle_guests_are_closed(&*store, &plant).await;
    closed_guests_are_named_until_their_money_is_back(&*store, &plant).await;
}

async fn seen(store: &dyn AccountStore, user: NewUser, at: Millis) -> User {
    match store.create_user(user, None, at).await.unwrap() {
        Creation::Created(user) => user,
        refused => panic!("{refused:?}"),
    }
}

async fn close(store: &dyn AccountStore, limit: u32) -> Vec<UserId> {
    store.close_idle_guests(SINCE, limit, NOW).await.unwrap()
}

async fn only_idle_guests_are_closed(
    store: &dyn AccountStore,
    plant: &impl AsyncFn(UserId, Planted),
) {
    let mut stay = Vec::new();
    for planted in [
        Planted::Connected,
        Planted::WasConnected(SINCE),
        Planted::InRoom,
        Planted::OpenPayment,
        Planted::Moved(SINCE),
    ] {
        let guest = seen(store, guest(), LONG_AGO).await;
        plant(guest.id, planted).await;
        stay.push(guest.id);
    }
    stay.push(seen(store, guest(), SINCE).await.id);
    stay.push(
        seen(store, with_email("idle@example.com"), LONG_AGO)
            .await
            .id,
    );
    let moderator = seen(store, guest(), LONG_AGO).await;
    store
        .change_role(moderator.id, "moderator", true)
        .await
        .unwrap();
    stay.push(moderator.id);

    let mut idle = Vec::new();
    for at in [1_001, 1_002, 1_003] {
        idle.push(seen(store, guest(), Millis(at)).await.id);
    }
    let (renewed, first) = add(store, guest()).await;
    plant(idle[0], Planted::WasConnected(SINCE.plus(-1))).await;
    plant(idle[1], Planted::Moved(SINCE.plus(-1))).await;
    assert_eq!(close(store, 2).await, idle[..2]);
    assert_eq!(close(store, 2).await, idle[2..]);
    assert_eq!(close(store, 2).await, []);
    for user in &idle {
        let found = store.user(*user).await.unwrap().unwrap();
        assert_eq!(found.status, UserStatus::Closed);
        let opened = store.open_family(*user, Uuid::new_v4(), token(hash()), NOW);
        assert!(!opened.await.unwrap());
    }
    for user in stay {
        let found = store.user(user).await.unwrap().unwrap();
        assert_eq!(found.status, UserStatus::Active, "{user}");
    }
    let forbidden = store.forbidden_users(NOW).await.unwrap();
    assert!(idle.iter().all(|user| forbidden.contains(user)));
    let later = store.forbidden_users(NOW.plus(1)).await.unwrap();
    assert!(idle.iter().all(|user| !later.contains(user)));

    // Whose token is presented afterwards hears why it is refused.
    let all = NOW.plus(1);
    let closed = store.close_idle_guests(all, 1_000, NOW).await.unwrap();
    assert!(closed.contains(&renewed.id));
    let refused = rotate(store, first, NOW).await.0;
    assert_eq!(refused, Rotation::Forbidden(UserStatus::Closed));
}

async fn closed_guests_are_named_until_their_money_is_back(
    store: &dyn AccountStore,
    plant: &impl AsyncFn(UserId, Planted),
) {
    let named = async |limit| store.closed_guests_with_money(limit, NOW).await.unwrap();
    // Those of before have nothing.
    named(1_000).await;
    assert_eq!(named(1_000).await, []);
    let mut rich = Vec::new();
    for _ in 0..3 {
        let guest = seen(store, guest(), LONG_AGO).await;
        plant(guest.id, Planted::Money(5_000)).await;
        rich.push(guest.id);
    }
    assert_eq!(close(store, 10).await.len(), 3);
    let mut first = named(2).await;
    first.extend(named(1).await);
    first.sort_unstable();
    assert_eq!(first, rich);
    for user in &rich {
        plant(*user, Planted::Money(0)).await;
    }
    assert_eq!(named(10).await, []);
}
