/* librdkafka includes this header even when it is built without curl, and then uses nothing of it. */
