// Starts Swagger UI on this instance's own document. Everything comes from this origin.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  filter: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  oauth2RedirectUrl: `${location.origin}/docs/oauth2-redirect.html`,
  presets: [SwaggerUIBundle.presets.apis],
});
window.ui.initOAuth({ usePkceWithAuthorizationCodeGrant: true });
