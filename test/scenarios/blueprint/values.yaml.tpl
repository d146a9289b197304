# Keys, order and variables of the guide's own template; where it sets a value, so does this.
zitadel:
  masterkey: ${ZITADEL_MASTERKEY}
  configmapConfig:
    ExternalSecure: true
    ExternalDomain: ${ZITADEL_EXTERNALDOMAIN}
    TLS:
      Enabled: false
    Database:
      Postgres:
        Host: ${ZITADEL_DATABASE_POSTGRES_HOST}
        Port: 5432
        Database: ${ZITADEL_DATABASE_POSTGRES_DATABASE}
        MaxOpenConns: 20
        MaxIdleConns: 10
        MaxConnLifetime: 30m
        MaxConnIdleTime: 5m
        User:
          Username: zitadel
          SSL:
            Mode: verify-ca
        Admin:
          Username: root
          SSL:
            Mode: verify-ca
    FirstInstance:
      Org:
        Name: ZITADEL
        Human:
          UserName: zitadel-admin
          FirstName: ZITADEL
          LastName: Admin
          NickName: zitadel-admin
          DisplayName: ZITADEL Admin
          Email:
            Address: ${ZITADEL_FIRSTINSTANCE_ORG_HUMAN_EMAIL_ADDRESS}
            Verified: true
          PreferredLanguage: en
          Password: ${ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD}
          PasswordChangeRequired: false

  secretConfig:
    Database:
      Postgres:
        User:
          Password: ${ZITADEL_RDS_ROOT_PASSWORD}
        Admin:
          Password: ${ZITADEL_RDS_ROOT_PASSWORD}

  dbSslCaCrtSecret: zitadel-rds-ssl-cert

ingress:
  enabled: true
  className: "nginx"
  annotations:
    cert-manager.io/cluster-issuer: opentelekomcloud-letsencrypt
    kubernetes.io/elb.http2-enable: 'true'
  hosts:
    - host: ${ZITADEL_EXTERNALDOMAIN}
      paths:
        - path: /
          pathType: Prefix
  tls:
    - hosts:
        - ${ZITADEL_EXTERNALDOMAIN}
      secretName: zitadel-otc-certificate-tls
