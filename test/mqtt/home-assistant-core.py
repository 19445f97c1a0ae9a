"""Home Assistant itself, with its MQTT integration on the given port of this machine.

Arguments: configuration folder, port of the broker, free port for its web server.
Answers each line on standard input with one JSON line: `states` gives every MQTT entity.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from homeassistant import bootstrap, runner
from homeassistant.helpers import entity_registry

CONFIG = Path(sys.argv[1])
PORT = int(sys.argv[2])
HTTP_PORT = int(sys.argv[3])

ENTRY = {
    "created_at": "2026-01-01T00:00:00+00:00",
    "data": {"broker": "127.0.0.1", "port": PORT},
    "disabled_by": None,
    "discovery_keys": {},
    "domain": "mqtt",
    "entry_id": "mqtt",
    "minor_version": 2,
    "modified_at": "2026-01-01T00:00:00+00:00",
    "options": {},
    "pref_disable_new_entities": False,
    "pref_disable_polling": False,
    "source": "user",
    "subentries": [],
    "title": "test",
    "unique_id": None,
    "version": 1,
}


def write_config() -> None:
    storage = CONFIG / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    (CONFIG / "configuration.yaml").write_text(f"http:\n  server_host: 127.0.0.1\n  server_port: {HTTP_PORT}\n")
    entries = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [ENTRY]}}
    (storage / "core.config_entries").write_text(json.dumps(entries))


def states(hass) -> list[dict]:
    registry = entity_registry.async_get(hass)
    found = []
    for entry in registry.entities.values():
        if entry.platform != "mqtt":
            continue
        state = hass.states.get(entry.entity_id)
        found.append(
            {
                "unique_id": entry.unique_id,
                "entity_id": entry.entity_id,
                "state": None if state is None else state.state,
                "attributes": {} if state is None else json.loads(json.dumps(dict(state.attributes), default=str)),
            }
        )
    return found


async def main() -> None:
    write_config()
    # Without its web page it would start in recovery mode, which loads no integration.
    bootstrap.CRITICAL_INTEGRATIONS = set()
    hass = await bootstrap.async_setup_hass(
        runner.RuntimeConfig(config_dir=str(CONFIG), skip_pip=True, log_no_color=True)
    )
    await hass.async_start()
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "states":
            await hass.async_block_till_done()
            print(json.dumps(states(hass)), flush=True)
    await hass.async_stop()


logging.getLogger().setLevel(logging.WARNING)
asyncio.run(main())
