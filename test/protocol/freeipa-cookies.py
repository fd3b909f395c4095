"""The cookies of FreeIPA's helper, written anew from their description: envelopes, layers, and what happens to each in a POLL.

Reads one JSON object: form (own, shared or ca), profile, operation, cookie, and `inner`, the answer of certmonger's own helper
([exit code, text, ...]), `stored`, whether the directory takes a certificate. Prints the result, and the calls that were made.
"""
import json
import sys

ISSUED, WAIT, REJECTED, UNREACHABLE, UNCONFIGURED, WAIT_WITH_DELAY = range(6)
order = json.load(sys.stdin)
env = {'operation': order['operation'], 'cookie': order.get('cookie'), 'profile': order.get('profile'), 'certificate': None}
calls = []


def call_handler(handler):
    if env['operation'] == 'POLL':
        if env['cookie'] is None:
            return (UNCONFIGURED, 'Cookie not provided')
        if env['cookie'] == '':
            context = {'cookie': '', 'profile': env['profile']}
        else:
            try:
                context = json.loads(env['cookie'])
                if not isinstance(context, dict):
                    raise TypeError
            except (TypeError, ValueError):
                return (UNCONFIGURED, 'Invalid cookie: %r' % env['cookie'])
        if 'profile' not in context:
            return (UNCONFIGURED, "No 'profile' in cookie")
        profile = context.pop('profile')
        if profile is not None:
            try:
                profile = profile.encode('raw_unicode_escape').decode('ascii')
            except (AttributeError, UnicodeDecodeError):
                return (UNCONFIGURED, "Invalid 'profile' in cookie: %r" % profile)
        if profile != env['profile']:
            context.pop('cookie', None)
            env['operation'], env['cookie'] = 'SUBMIT', None
        if 'cookie' in context:
            try:
                env['cookie'] = context['cookie'].encode('raw_unicode_escape').decode('ascii')
            except (AttributeError, UnicodeDecodeError):
                return (UNCONFIGURED, "Invalid 'cookie' in cookie: %r" % context['cookie'])
    else:
        context = {}
        env['cookie'] = None
    result = handler()
    if result[0] in (WAIT, WAIT_WITH_DELAY):
        context['cookie'] = result[-1].encode('ascii').decode('raw_unicode_escape')
        context['profile'] = env['profile']
        env['cookie'] = json.dumps(context)
        return result[:-1] + (env['cookie'],)
    return result


def request_cert():
    calls.append(['request', env['operation'], env['profile'], env['cookie']])
    return tuple(order['inner'])


def store_cert():
    if env['operation'] == 'SUBMIT':
        attempts = 0
    else:
        try:
            attempts = int(env['cookie'])
        except (TypeError, ValueError):
            return (UNCONFIGURED, 'Invalid cookie: %r' % env['cookie'])
    calls.append(['store', attempts, env['certificate']])
    if order['stored'] or attempts + 1 >= 10:
        return (ISSUED, env['certificate'])
    return (WAIT_WITH_DELAY, 30, str(attempts + 1))


def request_and_store_cert():
    state, cookie = 'request', None
    if env['operation'] == 'POLL':
        state, _sep, cookie = (env['cookie'] or '').partition(':')
        if state not in ('request', 'store'):
            return (UNCONFIGURED, 'Invalid cookie: %r' % env['cookie'])
    if state == 'request':
        env['cookie'] = cookie
        result = call_handler(request_cert)
        if result[0] in (WAIT, WAIT_WITH_DELAY):
            return result[:-1] + ('request:%s' % result[-1],)
        if result[0] != ISSUED:
            return result
        certificate, cookie = result[1], None
    else:
        certificate, _sep, cookie = cookie.partition(':')
    if cookie is None:
        env['operation'] = 'SUBMIT'
    env['cookie'], env['certificate'] = cookie, certificate
    result = call_handler(store_cert)
    if result[0] in (WAIT, WAIT_WITH_DELAY):
        return result[:-1] + ('store:%s:%s' % (certificate, result[-1]),)
    return result


def retrieve():
    calls.append(['retrieve', env['operation']])
    return (WAIT_WITH_DELAY, 28800, '')


def renew_ca_cert():
    state = 'request'
    if env['operation'] == 'POLL':
        state, _sep, env['cookie'] = (env['cookie'] or '').partition(':')
        if state not in ('retrieve', 'request'):
            return (UNCONFIGURED, 'Invalid cookie: %r' % env['cookie'])
    if state == 'retrieve':
        return (REJECTED, 'Updated certificate not available') if call_handler(retrieve)[0] == WAIT_WITH_DELAY else (ISSUED, '')
    profile, env['profile'] = env['profile'], 'caCACert'
    result = call_handler(request_and_store_cert)
    env['profile'] = profile
    if result[0] in (WAIT, WAIT_WITH_DELAY):
        return result[:-1] + ('%s:%s' % (state, result[-1]),)
    return result


handlers = {'own': request_cert, 'shared': request_and_store_cert, 'ca': renew_ca_cert, 'replica': retrieve}
print(json.dumps({'result': call_handler(handlers[order['form']]), 'calls': calls}))
