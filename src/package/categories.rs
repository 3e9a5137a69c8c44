//! The registry's categories (contract, "Category table").
//!
//! Ids that are not in the table are dropped from packages, but not from policy templates. Counting and filtering are
//! done by search.

use crate::base::suggest::nearest;

/// One category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    /// Id in manifests and requests.
    pub id: &'static str,
    /// Title for people; two categories may have the same one.
    pub title: &'static str,
    /// Id of the parent category.
    pub parent: Option<&'static str>,
}

/// All categories, sorted by id.
pub const CATEGORIES: &[Category] = &[
    category("advanced_analytics_ueba", "Advanced Analytics (UEBA)", "security"),
    category("analytics_engine", "Analytics Engine", "observability"),
    category("app_search", "Application Search", "enterprise_search"),
    category("application_observability", "Application", "observability"),
    category("asset_inventory", "Asset Inventory", "security"),
    category("auditd", "AuditD", "security"),
    category("authentication", "Authentication", "security"),
    category("aws", "AWS", ""),
    category("azure", "Azure", ""),
    category("big_data", "Big Data", "observability"),
    category("cdn_security", "Content Delivery Network", "security"),
    category("cloud", "Cloud", ""),
    category("cloudsecurity_cdr", "Cloud Security/CDR", "security"),
    category("config_management", "Config management", ""),
    category("connector", "Connector", "enterprise_search"),
    category("connector_client", "Connector Client", "enterprise_search"),
    category("connector_package", "Connector Package", "enterprise_search"),
    category("containers", "Containers", ""),
    category("content_source", "Content Source", "enterprise_search"),
    category("crawler", "Crawler", "enterprise_search"),
    category("credential_management", "Credential Management", "security"),
    category("crm", "CRM", ""),
    category("custom", "Custom", ""),
    category("custom_logs", "Custom Logs", "custom"),
    category("database_security", "Database", "security"),
    category("datastore", "Database", ""),
    category("dns_security", "DNS", "security"),
    category("edr_xdr", "EDR/XDR", "security"),
    category("elastic_stack", "Elastic Stack", ""),
    category("elasticsearch_sdk", "Elasticsearch SDK", ""),
    category("email_security", "Email", "security"),
    category("enterprise_search", "Enterprise Search", ""),
    category("firewall_security", "Firewall", "security"),
    category("google_cloud", "Google Cloud", ""),
    category("iam", "Identity and Access Management", "security"),
    category("ids_ips", "IDS/IPS", "security"),
    category("infrastructure", "Infrastructure", ""),
    category("java_observability", "Java", "observability"),
    category("kubernetes", "Kubernetes", "observability"),
    category("language_client", "Language Client", "enterprise_search"),
    category("languages", "Languages", ""),
    category("load_balancer", "Load Balancer", "observability"),
    category("message_queue", "Message Broker", "observability"),
    category("misconfiguration_workflow", "Misconfiguration Workflow", "security"),
    category("monitoring", "Monitoring", "observability"),
    category("native_search", "Native Search", "enterprise_search"),
    category("network", "Network", ""),
    category("network_security", "Network", "security"),
    category("notification", "Notification", "observability"),
    category("observability", "Observability", ""),
    category("opentelemetry", "OpenTelemetry", ""),
    category("os_system", "Operating Systems", ""),
    category("process_manager", "Process Manager", "observability"),
    category("productivity", "Productivity", ""),
    category("productivity_security", "Productivity", "security"),
    category("proxy_security", "Proxy", "security"),
    category("sdk_search", "SDK", "enterprise_search"),
    category("security", "Security", ""),
    category("siem", "SIEM", "security"),
    category("stream_processing", "Stream Processing", "observability"),
    category("support", "Support", ""),
    category("threat_intel", "Threat Intelligence", "security"),
    category("ticketing", "Ticketing", ""),
    category("version_control", "Version Control", ""),
    category("virtualization", "Virtualization Platform", "observability"),
    category("vpn_security", "VPN", "security"),
    category("vulnerability_management", "Vulnerability Management", "security"),
    category("vulnerability_workflow", "Vulnerability Workflow", "security"),
    category("web", "Web Server", "observability"),
    category("web_application_firewall", "Web Application Firewall", "security"),
    category("websphere", "WebSphere Application Server", "observability"),
    category("workplace_search", "Workplace Search", "enterprise_search"),
];

/// Returns true if the id is in the table.
pub fn known(id: &str) -> bool {
    find(id).is_some()
}

/// The known id that is most like this one, if one is like it at all.
pub(super) fn like(id: &str) -> Option<&'static str> {
    nearest(id, &CATEGORIES.iter().map(|category| category.id).collect::<Vec<_>>())
}

/// Id of the parent of a category, if it has one.
pub fn parent(id: &str) -> Option<&'static str> {
    find(id)?.parent
}

/// Title of a category; `None` for an unknown id.
pub fn title(id: &str) -> Option<&'static str> {
    Some(find(id)?.title)
}

fn find(id: &str) -> Option<&'static Category> {
    CATEGORIES.binary_search_by(|category| category.id.cmp(id)).ok().map(|index| &CATEGORIES[index])
}

/// A row of the table; an empty parent stands for none.
const fn category(id: &'static str, title: &'static str, parent: &'static str) -> Category {
    Category { id, title, parent: if parent.is_empty() { None } else { Some(parent) } }
}
