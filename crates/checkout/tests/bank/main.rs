//! The test bank over real HTTP: it answers as Stripe does, remembers over kills, sends its webhooks until they are taken, and
//! misbehaves when told to.

mod api;
mod control;
mod hostile;
mod killed;
mod misbehaving;
mod pages;
mod rig;
mod shapes;
mod webhooks;
