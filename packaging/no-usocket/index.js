// dbus-next falls back to node:net when this module cannot be found; no certmonger method passes file descriptors.
throw Object.assign(new Error("Cannot find module 'usocket'"), { code: 'MODULE_NOT_FOUND' });
