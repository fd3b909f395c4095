"""What FreeIPA does with /run/ipa/renewal.lock, written anew from its description: an INI file, its own flock around each change.

Usage: renewal-lock.py FILE acquire OWNER | release OWNER | show
Prints "acquired", "busy OWNER", "released", "not mine", or what it read; ends with a traceback where FreeIPA's would.
"""
import configparser
import datetime
import fcntl
import os
import sys

FORMAT = '%Y%m%d%H%M%S%f'


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def read(stream):
    parser = configparser.ConfigParser()
    try:
        parser.read_file(stream)
        if not parser.getboolean('lock', 'locked'):
            return None
        owner, expire = parser.get('lock', 'owner'), parser.get('lock', 'expire')
        try:
            return owner, datetime.datetime.strptime(expire, FORMAT)
        except ValueError:
            return None
    except (configparser.NoSectionError, configparser.NoOptionError):
        return None


def write(stream, lease):
    parser = configparser.ConfigParser()
    parser.add_section('lock')
    parser.set('lock', 'locked', '1' if lease else '0')
    if lease:
        parser.set('lock', 'owner', lease[0])
        parser.set('lock', 'expire', lease[1].strftime(FORMAT))
    stream.seek(0)
    stream.truncate()
    parser.write(stream)
    stream.flush()


path, action, *rest = sys.argv[1:]
with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), 'r+') as stream:
    fcntl.flock(stream, fcntl.LOCK_EX)
    lease = read(stream)
    if action == 'show':
        print('unlocked' if lease is None else '%s %s' % (lease[0], lease[1].isoformat()))
    elif action == 'acquire':
        if lease is not None and now() < lease[1]:
            print('busy %s' % lease[0])
        else:
            write(stream, (rest[0], now() + datetime.timedelta(hours=1)))
            print('acquired')
    elif lease is None or lease[0] != rest[0]:
        print('not mine')
    else:
        write(stream, None)
        print('released')
