"""The way out: MQTT to the broker that the central systems listen to."""
