// Shows /openapi.json; asks nobody outside whether it is valid.
"use strict";
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#viewer", deepLinking: true, validatorUrl: null });
