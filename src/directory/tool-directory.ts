import type { Directory } from './directory.js';
import { addLdif, modifyLdif, parseLdif, removeLdif } from './ldif.js';
import { noSuchObject } from './result-codes.js';
import { runTool, searchArguments, toolFailure, type ToolAccess } from './tools.js';
import { watchWithTool } from './tool-watch.js';

/**
 * The directory by way of OpenLDAP's ldapsearch and ldapmodify, for Kerberos, which no LDAP library for Node speaks. Each call is a
 * process that binds anew and does nothing when that fails, so there is no connection to lose. `finish` runs when it is closed.
 */
export function toolDirectory(access: ToolAccess, finish: () => void = () => undefined): Directory {
  const closing = new AbortController();
  const change = async (what: string, ldif: string, gone = false) => {
    const { exitCode, stderr } = await runTool(access, 'ldapmodify', [], what, ldif);
    if (exitCode !== 0 && !(gone && exitCode === noSuchObject)) throw toolFailure(exitCode, what, stderr);
  };
  return {
    search: async (query) => {
      const what = `reading ${query.base}`;
      const { exitCode, stdout, stderr } = await runTool(access, 'ldapsearch', searchArguments(query), what);
      if (exitCode === noSuchObject) return [];
      if (exitCode !== 0) throw toolFailure(exitCode, what, stderr);
      return parseLdif(stdout);
    },
    modify: (dn, modifications) => change(`changing ${dn}`, modifyLdif(dn, modifications)),
    add: (dn, attributes) => change(`adding ${dn}`, addLdif(dn, attributes)),
    remove: (dn) => change(`removing ${dn}`, removeLdif(dn), true),
    watch: (query, signal) => watchWithTool(access, query, AbortSignal.any([signal, closing.signal])),
    close: () => {
      closing.abort();
      finish();
      return Promise.resolve();
    },
  };
}
