/** Owns the id of the shared external network, which two services show (API reference 2.3). */
export const externalNetworkId = '0a2228f2-7f8a-45f1-8e09-9039e1d09975';
