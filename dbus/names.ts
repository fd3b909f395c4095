/** certmonger's names on the bus (tdbus.h). */
export const certmongerName = 'org.fedorahosted.certmonger';
export const baseInterface = 'org.fedorahosted.certmonger';
export const requestInterface = 'org.fedorahosted.certmonger.request';
export const caInterface = 'org.fedorahosted.certmonger.ca';
export const propertiesInterface = 'org.freedesktop.DBus.Properties';
export const rootPath = '/org/fedorahosted/certmonger';
