export const agentName = 'org.hsmonger.Agent1';
export const agentPath = '/org/hsmonger/Agent1';
export const agentInterface = 'org.hsmonger.Agent1';
