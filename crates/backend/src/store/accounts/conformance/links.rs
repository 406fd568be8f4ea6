//! Links sent by mail, and guests who become players.

use super::*;

pub(super) async fn all(store: Arc<dyn AccountStore>) {
    a_password_is_reset_once_and_ends_all_else(&*store).await;
    of_two_uses_of_one_link_one_counts(store.clone()).await;
    a_link_is_good_for_its_purpose_its_time_and_its_active_user(&*store).await;
    an_address_is_verified_and_stays_so(&*store).await;
    a_guest_becomes_a_player(&*store).await;
    an_upgrade_takes_no_email_of_others(store.clone()).await;
}

const LATER: Millis = Millis(NOW.0 + 1_000);

fn new_password() -> PasswordHash {
    PasswordHash("$argon2id$new".to_owned())
}

async fn link(store: &dyn AccountStore, user: &User, purpose: LinkPurpose) -> TokenHash {
    let link = NewLink {
        hash: hash(),
        purpose,
        user: user.id,
        email: user.email.clone().unwrap(),
        expires: NOW.plus(LIFE_MS),
    };
    store.add_link(link.clone(), NOW).await.unwrap();
    link.hash
}

async fn reset(store: &dyn AccountStore, link: TokenHash, now: Millis) -> Option<User> {
    store
        .reset_password(link, new_password(), now)
        .await
        .unwrap()
}

async fn password_of(store: &dyn AccountStore, email: &str) -> PasswordHash {
    store.user_by_email(email).await.unwrap().unwrap().1
}

async fn a_password_is_reset_once_and_ends_all_else(store: &dyn AccountStore) {
    let (user, signed_in) = add(store, with_email("reset@example.com")).await;
    let (other, others) = add(store, with_email("unconcerned@example.com")).await;
    let link_of_other = link(store, &other, LinkPurpose::ResetPassword).await;
    let first = link(store, &user, LinkPurpose::ResetPassword).await;
    let second = link(store, &user, LinkPurpose::ResetPassword).await;
    assert_eq!(reset(store, hash(), LATER).await, None);
    let changed = reset(store, first, LATER).await.unwrap();
    assert_eq!((changed.id, changed.email_verified), (user.id, Some(LATER)));
    assert_eq!(store.user(user.id).await.unwrap(), Some(changed));
    assert_eq!(
        password_of(store, "RESET@example.com").await,
        new_password()
    );
    for used in [first, second] {
        assert_eq!(reset(store, used, LATER).await, None);
    }
    assert_eq!(rotate(store, signed_in, LATER).await.0, Rotation::Unknown);
    assert!(is_rotated(&rotate(store, others, LATER).await));
    assert!(reset(store, link_of_other, LATER).await.is_some());
}

async fn of_two_uses_of_one_link_one_counts(store: Arc<dyn AccountStore>) {
    let (user, _) = add(&*store, with_email("twice@example.com")).await;
    let link = link(&*store, &user, LinkPurpose::ResetPassword).await;
    let uses: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { reset(&*store, link, LATER).await })
        })
        .collect();
    let mut counted = 0;
    for one in uses {
        counted += u32::from(one.await.unwrap().is_some());
    }
    assert_eq!(counted, 1);
}

async fn a_link_is_good_for_its_purpose_its_time_and_its_active_user(store: &dyn AccountStore) {
    let (user, _) = add(store, with_email("bounds@example.com")).await;
    let verifies = link(store, &user, LinkPurpose::VerifyEmail).await;
    assert_eq!(reset(store, verifies, LATER).await, None);
    let resets = link(store, &user, LinkPurpose::ResetPassword).await;
    assert_eq!(store.verify_email(resets, LATER).await.unwrap(), None);
    assert_eq!(reset(store, resets, NOW.plus(LIFE_MS)).await, None);
    let set = |status| store.set_status(user.id, status, None);
    set(UserStatus::Banned).await.unwrap();
    assert_eq!(reset(store, resets, LATER).await, None);
    assert_eq!(store.verify_email(verifies, LATER).await.unwrap(), None);
    let refused = link(store, &user, LinkPurpose::ResetPassword).await;
    set(UserStatus::Active).await.unwrap();
    assert_eq!(
        reset(store, refused, LATER).await,
        None,
        "made for a banned user"
    );
    let last = NOW.plus(LIFE_MS - 1);
    assert!(reset(store, resets, last).await.is_some());
}

async fn an_address_is_verified_and_stays_so(store: &dyn AccountStore) {
    let (user, signed_in) = add(store, with_email("verify@example.com")).await;
    assert_eq!(user.email_verified, None);
    let link = link(store, &user, LinkPurpose::VerifyEmail).await;
    for now in [LATER, LATER.plus(7)] {
        let verified = store.verify_email(link, now).await.unwrap().unwrap();
        assert_eq!(
            (verified.id, verified.email_verified),
            (user.id, Some(LATER))
        );
    }
    assert!(is_rotated(&rotate(store, signed_in, LATER).await));
}

async fn upgrade(
    store: &dyn AccountStore,
    guest: UserId,
    email: &str,
    username: Option<&str>,
) -> Upgrade {
    let credentials = (email.to_owned(), new_password());
    store
        .upgrade_guest(guest, credentials, username.map(str::to_owned))
        .await
        .unwrap()
}

async fn a_guest_becomes_a_player(store: &dyn AccountStore) {
    let (visitor, signed_in) = add(store, guest()).await;
    store
        .change_role(visitor.id, "moderator", true)
        .await
        .unwrap();
    let Upgrade::Upgraded(player) =
        upgrade(store, visitor.id, "New@example.com", Some("Ada")).await
    else {
        panic!("the guest was refused");
    };
    assert_eq!(player.roles, ["player", "moderator"]);
    assert_eq!((player.id, player.username.as_str()), (visitor.id, "Ada"));
    assert_eq!(
        (player.email.as_deref(), player.email_verified),
        (Some("New@example.com"), None)
    );
    let found = store.user_by_email("new@EXAMPLE.com").await.unwrap();
    assert_eq!(found, Some((player, new_password())));
    assert_eq!(rotate(store, signed_in, NOW).await.0, Rotation::Unknown);
    let again = upgrade(store, visitor.id, "newer@example.com", None).await;
    assert_eq!(again, Upgrade::NotAGuest);
    let nobody = UserId::new((1 << 53) - 1).unwrap();
    assert_eq!(
        upgrade(store, nobody, "x@example.com", None).await,
        Upgrade::NotAGuest
    );
}

async fn an_upgrade_takes_no_email_of_others(store: Arc<dyn AccountStore>) {
    add(&*store, with_email("Taken@example.com")).await;
    let (banned, _) = add(&*store, guest()).await;
    store
        .set_status(banned.id, UserStatus::Banned, None)
        .await
        .unwrap();
    let refused = upgrade(&*store, banned.id, "free@example.com", None).await;
    assert_eq!(refused, Upgrade::NotAGuest);
    let mut guests = Vec::new();
    for _ in 0..4 {
        guests.push(add(&*store, guest()).await.0);
    }
    let taken = upgrade(&*store, guests[0].id, "taken@EXAMPLE.com", None).await;
    assert_eq!(taken, Upgrade::EmailTaken);
    assert_eq!(
        store.user(guests[0].id).await.unwrap(),
        Some(guests[0].clone())
    );
    let tries: Vec<_> = guests
        .into_iter()
        .map(|guest| {
            let store = store.clone();
            tokio::spawn(async move { upgrade(&*store, guest.id, "raced@example.com", None).await })
        })
        .collect();
    let mut upgraded = 0;
    for one in tries {
        upgraded += u32::from(matches!(one.await.unwrap(), Upgrade::Upgraded(_)));
    }
    assert_eq!(upgraded, 1);
}
